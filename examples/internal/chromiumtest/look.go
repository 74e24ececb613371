package chromiumtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

var savePictures = flag.Bool("pictures", false, "save pictures of the pages that the browser tests look at, in artifacts; one takes longer than all else that a test does")

// LooksGood checks the page at three widths, in light and dark colours: nothing is
// too wide for the window, and every text can be read, see [Tab.HardToRead]. With
// the flag -pictures it saves a PNG of each, whose path begins with picture.
func (b *Tab) LooksGood(picture string) {
	b.t.Helper()
	for _, width := range []int64{390, 768, 1280} {
		b.Size(width, 900)
		b.Until(fmt.Sprintf(`innerWidth === %d`, width))
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			b.Until(fmt.Sprintf(`matchMedia('(prefers-color-scheme: %s)').matches`, scheme))
			if got := settled(b.TooWide); len(got) > 0 {
				b.t.Errorf("%s, %d pixels, %s: too wide: %q", filepath.Base(picture), width, scheme, got)
			}
			if got := settled(b.HardToRead); len(got) > 0 {
				b.t.Errorf("%s, %d pixels, %s: hard to read: %q", filepath.Base(picture), width, scheme, got)
			}
			b.Picture(fmt.Sprintf("%s-%d-%s.png", picture, width, scheme))
		}
	}
}

// settled returns what look finds once the page is at rest: colours may be on their way
// from one to another, and drawings from one size to another.
func settled(look func() []string) (got []string) {
	for end := time.Now().Add(patience / 4); ; time.Sleep(100 * time.Millisecond) { // the browser has no clock of ours
		if got = look(); len(got) == 0 || time.Now().After(end) {
			return got
		}
	}
}

// TooWide lists by how much the page is wider than the window, and the elements that
// reach beyond it; it is empty if none does.
func (b *Tab) TooWide() []string {
	b.t.Helper()
	return Eval[[]string](b, `(() => {
		const over = document.documentElement.scrollWidth - innerWidth
		if (over <= 0) return []
		return [over + 'px', ...[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 80))]
	})()`)
}

// HardToRead lists the visible texts, of fields and drawings too, whose contrast to
// what is behind them is less than WCAG 2.2 AA asks for: 4.5 to 1, or 3 to 1 for large
// text. Each has its contrast in front.
func (b *Tab) HardToRead() []string {
	b.t.Helper()
	return Eval[[]string](b, hardToRead)
}

// hardToRead draws colours to read them, since a computed one may be in any notation.
const hardToRead = `(() => {
	const pen = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
	const drawn = new Map()
	const rgba = colour => {
		if (!drawn.has(colour)) {
			pen.clearRect(0, 0, 1, 1)
			pen.fillStyle = colour
			pen.fillRect(0, 0, 1, 1)
			drawn.set(colour, [...pen.getImageData(0, 0, 1, 1).data])
		}
		return drawn.get(colour)
	}
	const over = (top, below, opacity = 1) => top.slice(0, 3).map((v, i) => v * opacity * top[3] / 255 + below[i] * (1 - opacity * top[3] / 255))
	const backs = new Map()
	const behind = e => {
		if (!e) return rgba('Canvas')
		if (!backs.has(e)) backs.set(e, over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)))
		return backs.get(e)
	}
	const opacity = e => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1
	const luminance = colour => {
		const [r, g, b] = colour.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		return .2126 * r + .7152 * g + .0722 * b
	}
	const contrast = (a, b) => {
		const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
		return (high + .05) / (low + .05)
	}
	const found = []
	let seen = 0
	const look = (e, text, part) => {
		const style = getComputedStyle(e, part), back = behind(e), size = parseFloat(style.fontSize)
		const ink = rgba(e instanceof SVGElement ? style.fill : style.color)
		const ratio = contrast(over(ink, back, opacity(e)), back)
		const least = size >= 24 || size >= 56 / 3 && style.fontWeight >= 700 ? 3 : 4.5
		seen++
		if (!(ratio >= least)) found.push(ratio.toFixed(2) + ' ' + text.slice(0, 40))
	}
	const visible = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true})
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement, text = texts.currentNode.data.trim()
		if (text && visible(e) && !e.matches('title, option, :disabled, details:not([open])')) look(e, text)
	}
	for (const e of document.querySelectorAll('select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])')) {
		if (visible(e) && !e.disabled) look(e, 'field ' + e.name, e.placeholder && !e.value ? '::placeholder' : undefined)
	}
	return seen ? found : ['no text is visible']
})()`

// Picture saves the whole page as a PNG file at path, and makes its folder, if the test
// has the flag -pictures.
func (b *Tab) Picture(path string) {
	b.t.Helper()
	if *savePictures {
		b.save(path, chromedp.FullScreenshot(100))
	}
}

// Window saves what the window shows of the page, as [Tab.Picture] does, whether the
// test has the flag or not.
func (b *Tab) Window(path string) {
	b.t.Helper()
	b.save(path, chromedp.CaptureScreenshot())
}

func (b *Tab) save(path string, screenshot chromedp.Action[[]byte]) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, screenshot)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
