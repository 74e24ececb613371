// Code generated from login/style.go by the steps of docs/echo-v5.md. DO NOT EDIT.

package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"

	"github.com/labstack/echo/v5"
)

//go:embed style.css
var styleText []byte

// styleURL changes with the style sheet, so that browsers may keep it for ever.
var styleURL = func() string {
	sum := sha256.Sum256(styleText)
	return "/style." + hex.EncodeToString(sum[:6]) + ".css"
}()

func style(c *echo.Context) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, "text/css; charset=utf-8", styleText)
}
