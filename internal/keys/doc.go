// Package keys compares and copies the keys of caches and resources, and refuses
// key types that cannot identify a call.
//
// [For] compiles [Keys] once for each cache; [Compile] compiles the [Plan] alone,
// if no copies are needed. A small plain key is compared as one machine word
// ([Word]), a string as itself ([Text]), and any other key by its canonical bytes
// ([Plan.Append]), for which this holds:
//
//	bytes(a) == bytes(b) exactly if a and b are equal as data
//
// So different calls never share an entry, also if a client chooses the keys, and
// equal calls always do. The bytes are length-prefixed, in a fixed order, and the
// same on every platform.
//
// # What equal as data means
//
//   - Numbers and strings: the same bits, so +0 and -0 differ (as in
//     hashstructure); but every NaN equals every NaN.
//   - nil differs from empty, for slices and for maps, and from a pointer to a zero.
//   - Pointers are equal if their targets are. Whether a target is shared by
//     several pointers does not matter, except for cycles: a cyclic value equals
//     another if both close at the same places.
//   - Maps are equal if they have equal entries, NaN keys counted. Slices
//     tagged hash:"set" are multisets: order does not matter, repetition does.
//     (hashstructure lets pairs of equal elements cancel; that is only its hash.)
//   - Interfaces are equal if the dynamic types are the same type and the values are equal:
//     int 1, uint 1, float 1.0, "1" and a named int 1 all differ, and so do an array and a slice.
//   - Structs: every field counts, unexported ones too, blank ones (_) not.
//     Fields tagged hash:"ignore" or hash:"-" are left out; a field tagged
//     hash:"string" is replaced by the result of its String method.
//     hashstructure's Includable and IncludableMap are asked about exported
//     fields, also when their receiver is a pointer. On other places tags have no
//     effect, as in hashstructure.
//   - time.Time: the instant and the zone (the location's name, and the
//     abbreviation and offset in effect); the monotonic reading does not count.
//     A time.Location is its name and its offsets in 1970 and 2026. netip.Addr,
//     big.Int, big.Rat: their content. big.Float: its content with precision,
//     rounding mode and accuracy. Decimals and other types made of these follow.
//   - KeyConfig.HashFuncs takes precedence over all of these rules for the types
//     that it names.
//
// Types of other modules and of the standard library whose private data is not
// known to be plain (see package known) are compared by their own encoding,
// MarshalBinary or GobEncode, or refused.
//
// Functions, channels, unsafe pointers, the types of sync and sync/atomic, and
// open files and connections cannot identify a call: [Compile] refuses them with a
// [TypeError], and Append with a [ValueError] if they are behind an interface. A
// plan distinguishes types that are declared inside functions and have the same
// package and name.
//
// Values that are too deep or too large have no key ([ErrTooDeep],
// [ErrTooLarge]); cycles end by themselves.
//
// # Fingerprints
//
// [Plan.Fingerprint] is the 64-bit hash of github.com/mitchellh/hashstructure:
// the short name of a key in logs and events. Equal bytes have equal fingerprints,
// but different keys may have the same one, by chance or by an attacker. So it
// does not identify a key, and is computed only on request.
package keys
