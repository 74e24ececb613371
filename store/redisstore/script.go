package redisstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/reecho-go/reecho/store"
)

// A value begins with its version and its deadline, 16 digits each, and the number
// of bytes that follow, 10 digits.
const (
	digits     = 16
	headerSize = 2*digits + 10
)

// never is the deadline that does not come, and the last one that does is
// before it. Lua's numbers are exact up to 2^53, which has 16 digits.
const never = 1<<53 - 1

// The results of scripts that are no versions.
const (
	isAbsent   = -1
	hasAnother = -2
	isForeign  = -3
)

// The scripts share these functions. KEYS are the key of the value, its mark and the
// counter. A mark says who has written: it is there for no time at all, but whoever
// tracks the keys is told of both in one message. Redis drops a key when its time is past, so a deadline is set a
// millisecond early: from the deadline on the key is absent.
const functions = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function mark()
	redis.call('SET', KEYS[2], '')
	redis.call('UNLINK', KEYS[2])
end
local function write(expires, value)
	local version = clock[1] * 1000000 + clock[2]
	local last = tonumber(redis.call('GET', KEYS[3]) or '0')
	if version <= last then
		version = last + 1
	end
	redis.call('SET', KEYS[3], string.format('%.0f', version))
	if expires <= now then
		redis.call('UNLINK', KEYS[1])
	else
		value = string.format('%016.0f%016.0f%010d', version, expires, #value) .. value
		if expires < ` + neverText + ` then
			redis.call('SET', KEYS[1], value, 'PXAT', string.format('%.0f', expires - 1))
		else
			redis.call('SET', KEYS[1], value)
		end
	end
	mark()
	return string.format('%.0f', version)
end
`

const neverText = "9007199254740991"

var (
	putScript = rueidis.NewLuaScript(functions + `
return write(tonumber(ARGV[1]), ARGV[2])`)

	swapScript = rueidis.NewLuaScript(functions + `
local old = redis.call('GETRANGE', KEYS[1], 0, 15)
if old == '' then
	if ARGV[1] ~= '0' then
		return '-1'
	end
elseif tonumber(old) ~= tonumber(ARGV[1]) then
	return '-2'
end
return write(tonumber(ARGV[2]), ARGV[3])`)

	deleteScript = rueidis.NewLuaScript(functions + `
if redis.call('UNLINK', KEYS[1]) == 0 then
	redis.call('SET', KEYS[1], '') -- whoever tracks the keys hears of it
	redis.call('UNLINK', KEYS[1])
end
mark()
return '0'`)

	touchScript = rueidis.NewLuaScript(functions + `
local expires = tonumber(ARGV[1])
local header = redis.call('GETRANGE', KEYS[1], 0, 41)
if header == '' then
	return '-1'
end
if #header ~= 42 or not string.find(header, '^%d+$') then
	return '-3'
end
mark()
if expires <= now then
	redis.call('UNLINK', KEYS[1])
	return '0'
end
redis.call('SETRANGE', KEYS[1], 16, string.format('%016.0f', expires))
if expires < ` + neverText + ` then
	redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires - 1))
else
	redis.call('PERSIST', KEYS[1])
end
return '0'`)
)

// milli returns a deadline for the scripts, in Unix milliseconds, rounded down.
func milli(at time.Time) string {
	switch {
	case at.IsZero() || at.Unix() >= never/1000:
		return neverText
	case at.Unix() < 0:
		return "0"
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

// decode parses the bytes that were read under a key. Without bytes the key is absent. The
// item keeps b.
func decode(b []byte, err error) (store.Item, error) {
	switch {
	case err != nil:
		return store.Item{}, err
	case len(b) == 0:
		return store.Item{}, store.ErrNotFound
	case len(b) < headerSize:
		return store.Item{}, fmt.Errorf("%w: it has %d bytes, and the header alone %d", store.ErrForeign, len(b), headerSize)
	case len(b) > headerSize+maxValue:
		return store.Item{}, fmt.Errorf("%w: it has more than %d bytes", store.ErrForeign, headerSize+maxValue)
	}
	version, err := strconv.ParseUint(string(b[:digits]), 10, 64)
	if err != nil || version == 0 {
		return store.Item{}, fmt.Errorf("%w: it has no version", store.ErrForeign)
	}
	expires, err := strconv.ParseInt(string(b[digits:2*digits]), 10, 64)
	if err != nil {
		return store.Item{}, fmt.Errorf("%w: it has no deadline", store.ErrForeign)
	}
	if size, err := strconv.Atoi(string(b[2*digits : headerSize])); err != nil || size != len(b)-headerSize {
		return store.Item{}, fmt.Errorf("%w: it says that %q bytes follow, and there are %d", store.ErrForeign, b[2*digits:headerSize], len(b)-headerSize)
	}
	it := store.Item{Value: b[headerSize:len(b):len(b)], Version: version}
	if expires != never {
		it.Expires = time.UnixMilli(expires)
	}
	return it, nil
}
