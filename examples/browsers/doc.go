// Package browsers tries in real browsers whether the cookies of sessionstate
// stick: on localhost, a loopback address and a name, over HTTP and HTTPS, as the
// Manager sets them by default, with Insecure and with InsecureLocalhost. It has
// tests only, which `make browsers` runs; docs/browsers.md is what they saw.
package browsers
