package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed assets/style.css assets/icon.svg assets/htmx-4.0.1.min.js
var files embed.FS

// kinds are the media types of the files.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
	".js":  "text/javascript; charset=utf-8",
}

// assetURL returns the address of a file: a query of the page's own path, with a digest of
// the contents.
func assetURL(name string) string {
	body, err := files.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // a template names a file that does not exist
	}
	sum := sha256.Sum256(body)
	return "?asset=" + name + "&v=" + hex.EncodeToString(sum[:6])
}

// serveAsset serves a file. Only browsers may cache it, not proxies.
func serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	kind, ok := kinds[path.Ext(name)]
	body, err := files.ReadFile("assets/" + path.Base(name))
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=86400")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
