package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/reecho-go/reecho/examples/internal/chromiumtest"
)

// pictures is where the tests leave what they saw, with the flag -pictures; git ignores
// it.
var pictures = filepath.Join("..", "..", "artifacts", "login")

func TestBrowserPagesFitAndCanBeRead(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401", "status of 404")
	b.Open(s.URL)
	b.LooksGood(filepath.Join(pictures, "login"))

	b.Types("#name", strings.Repeat("w", 300))
	b.Types("#password", "wrong")
	b.Click("#login")
	b.Shows("The name or the password is wrong.")
	b.LooksGood(filepath.Join(pictures, "wrong"))

	logIn(other, s.URL)
	other.Shows("Hello, ada")
	logIn(b, s.URL)
	b.Shows("Welcome, ada.", "Log out on all other devices")
	b.LooksGood(filepath.Join(pictures, "account"))

	b.Open(s.URL + "/nowhere")
	b.Shows("There is no page at this address.")
	b.LooksGood(filepath.Join(pictures, "not-found"))
	b.Click(".card a")
	b.Shows("Hello, ada")
}

// tabTo presses the tab key until an element has the focus, which must be seen.
func tabTo(t *testing.T, b *chromiumtest.Tab, selector string) {
	t.Helper()
	has := fmt.Sprintf(`document.activeElement.matches(%q)`, selector)
	b.Until(`document.readyState === 'complete'`)
	for range 30 {
		if chromiumtest.Eval[bool](b, has) {
			if !chromiumtest.Eval[bool](b, `(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`) {
				t.Errorf("%s has the focus and does not show it", selector)
			}
			return
		}
		b.Do(chromedp.KeyEvent("\t"))
	}
	t.Fatalf("the tab key does not reach %s", selector)
}

func TestBrowserWorksWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401")
	logIn(other, s.URL)
	other.Shows("Hello, ada")

	b.Open(s.URL)
	b.Until(`document.activeElement.id === 'name'`) // at once
	b.Do(chromedp.KeyEvent("ada"))
	tabTo(t, b, "#password")
	b.Do(chromedp.KeyEvent("wrong"), chromedp.KeyEvent("\r"))
	b.Shows("The name or the password is wrong.")
	b.Until(`document.activeElement.id === 'password' && document.getElementById('name').value === 'ada'`)
	b.Do(chromedp.KeyEvent("engine"))
	tabTo(t, b, "#remember")
	b.Do(chromedp.KeyEvent(" "))
	b.Until(`document.getElementById('remember').checked`)
	tabTo(t, b, "#login")
	b.Do(chromedp.KeyEvent("\r"))
	b.Shows("Hello, ada")
	tabTo(t, b, ".other")
	b.Do(chromedp.KeyEvent("\r"))
	b.Shows("The device is logged out.", "You are logged in on no other device.")
	tabTo(t, b, "#logout")
	b.Do(chromedp.KeyEvent(" "))
	b.Shows("You are logged out on this device.")
	other.Do(chromedp.Reload())
	other.Shows("Keep me logged in")
}

func TestBrowserControlsHaveNames(t *testing.T) {
	t.Parallel()
	b := browser.NewTab(t)
	b.Open(site(t).URL)
	for _, page := range []string{"login", "account"} {
		nameless := chromiumtest.Eval[[]string](b, `[...document.querySelectorAll('button, a[href], input:not([type=hidden])')]
			.filter(e => !(e.innerText?.trim() || e.labels?.length)).map(e => e.outerHTML.slice(0, 80))`)
		if len(nameless) > 0 {
			t.Errorf("%s: controls without a name: %q", page, nameless)
		}
		broken := chromiumtest.Eval[[]string](b, `(ids => [...ids.filter((id, i) => ids.indexOf(id) !== i),
			...[...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby')).filter(id => !ids.includes(id))])
			([...document.querySelectorAll('[id]')].map(e => e.id))`)
		if len(broken) > 0 {
			t.Errorf("%s: ids that are there twice or not at all: %q", page, broken)
		}
		if page == "login" {
			b.Types("#name", "ada")
			b.Types("#password", "engine")
			b.Click("#login")
			b.Shows("Hello, ada")
		}
	}
}

func TestBrowserNamesTheDevice(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	if _, err := chromedp.Call(other.Context(), emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: firefox}); err != nil {
		t.Fatal(err)
	}
	logIn(other, s.URL)
	other.Shows("Firefox on Windows", "this device")
	logIn(b, s.URL)
	b.Shows("on Linux", "Log out Firefox on Windows")
	b.Click(".other")
	b.Shows("The device is logged out.")
	if chromiumtest.Eval[bool](b, `document.body.innerText.includes('Firefox')`) {
		t.Error("a device that was logged out is listed")
	}
}

func TestBrowserWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := site(t)
	b, other := browser.NewTab(t), browser.NewTab(t)
	b.Allow("status of 401", "status of 404")
	if _, err := chromedp.Call(b.Context(), emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	logIn(other, s.URL)
	other.Shows("Hello, ada")
	b.Open(s.URL)
	b.Types("#name", "ada")
	b.Types("#password", "wrong")
	b.Click("#login")
	b.Shows("The name or the password is wrong.")
	b.Types("#password", "engine")
	b.Click("#login")
	b.Shows("Welcome, ada.")
	b.Click("#others")
	b.Shows("You are logged out on 1 other device.")
	b.Open(s.URL + "/nowhere")
	b.Click(".card a")
	b.Shows("Hello, ada")
	b.Click("#logout")
	b.Shows("You are logged out on this device.")
	other.Do(chromedp.Reload())
	other.Shows("Keep me logged in")
}

// The login looks like the explorer: a colour of its style sheet is one there.
func TestColoursAreThoseOfTheExplorer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "explorer", "static", "app.css"))
	if err != nil {
		t.Fatal(err)
	}
	variables := regexp.MustCompile(`(?m)^\t(--[a-z-]+: .*;)$`).FindAllStringSubmatch(string(styleText), -1)
	if len(variables) < 10 {
		t.Fatalf("the style sheet has only the variables %q", variables)
	}
	for _, v := range variables {
		if !strings.Contains(string(text), "\t"+v[1]+"\n") {
			t.Errorf("the explorer has no %s", v[1])
		}
	}
}
