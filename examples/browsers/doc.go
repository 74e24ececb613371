// Package browsers tests in real browsers whether they keep the cookies of
// sessionstate: on localhost, a loopback address and a name, over HTTP and HTTPS,
// with the default Config, with Insecure and with InsecureLocalhost. It has tests
// only, which `make browsers` runs; docs/browsers.md lists the results.
package browsers
