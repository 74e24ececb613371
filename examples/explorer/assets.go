package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static/app.css static/app.js static/icon.svg static/htmx-4.0.1.min.js
var static embed.FS

//go:embed templates/*.html
var templates embed.FS

// assets serves the static files under names that hold a digest of their
// contents, so that browsers may keep them for ever.
type assets struct {
	urls  map[string]string // file name -> URL
	files map[string]asset  // URL -> file
}

type asset struct {
	kind string
	body []byte
}

func newAssets() (*assets, error) {
	a := &assets{urls: map[string]string{}, files: map[string]asset{}}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		body, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		url := "/static/" + strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.urls[e.Name()] = url
		a.files[url] = asset{mime.TypeByExtension(ext), body}
	}
	return a, nil
}

// url is the address of a file; templates call it as asset.
func (a *assets) url(name string) (string, error) {
	url, ok := a.urls[name]
	if !ok {
		return "", fs.ErrNotExist
	}
	return url, nil
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(f.body) // if this fails, the client is gone
}

// newTemplates parses the templates; "page" is the whole page, "app" the part
// that changes.
func newTemplates(a *assets) (*template.Template, error) {
	t := template.New("").Funcs(template.FuncMap{"asset": a.url})
	return t.ParseFS(templates, "templates/*.html")
}
