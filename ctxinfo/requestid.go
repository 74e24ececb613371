package ctxinfo

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/reecho-go/reecho/internal/syntax"
)

func buildRequestID(in *Info, f *facts) string {
	if in.trust.load(in, buildTrust).vouched.has(fieldRequestID) {
		if lines := in.values(f, fieldRequestID); len(lines) > 0 {
			if len(lines) == 1 && validRequestID(lines[0]) {
				f.source = Source{Kind: sourceHeader, Name: in.plugin.cfg.RequestIDHeader, Trusted: true}
				return lines[0]
			}
			f.anomalies.add(anomalyRequestID)
		}
	}
	f.source = Source{Kind: sourceGenerated, Trusted: true}
	return newRequestID(time.Now())
}

func validRequestID(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !syntax.IsAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// newRequestID makes a UUID version 7 (RFC 9562, section 5.7): milliseconds,
// then 74 random bits, so that ids sort by time.
func newRequestID(now time.Time) string {
	var b [16]byte
	rand.Read(b[6:])
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint16(b[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(ms))
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[0:], b[0:4])
	hex.Encode(s[9:], b[4:6])
	hex.Encode(s[14:], b[6:8])
	hex.Encode(s[19:], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// RequestID identifies this request in logs. It is the id that a trusted proxy
// gave it, if that consists of 8 to 64 of the characters A-Z a-z 0-9 . _ -,
// otherwise a new UUID version 7. If the handler read it, the response carries it
// in Config.RequestIDHeader.
func (in *Info) RequestID() string { return *in.requestID.see(in, buildRequestID) }
