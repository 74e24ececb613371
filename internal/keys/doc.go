// Package keys is how caches and resources know their keys: by the plan that
// tells equal ones from different ones, by copies that nobody else can change,
// and by the error for keys that identify nothing.
//
// [For] compiles [Keys] once for each cache, and [Compile] the [Plan] in them,
// for all that needs no copies. Small plain keys are compared as one machine
// word ([Word]), strings as themselves ([Text]), everything else by its
// canonical bytes ([Plan.Append]), for which one law holds:
//
//	bytes(a) == bytes(b) exactly if a and b are equal as data
//
// so that two different calls never share an entry, whatever a client sends,
// and two equal ones always do. The bytes are length-prefixed, in one order,
// and the same on every platform.
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
//     hash:"string" is what its String method returns. hashstructure's Includable
//     and IncludableMap are asked about exported fields, also when their
//     receiver is a pointer. On other places tags have no effect, as in hashstructure.
//   - time.Time: the instant and the zone (the location's name, and the
//     abbreviation and offset in effect); the monotonic reading does not count.
//     A time.Location is its name and its offsets in 1970 and 2026. netip.Addr,
//     big.Int, big.Rat: their content. big.Float: its content with precision,
//     rounding mode and accuracy. Decimals and other types made of these follow.
//   - KeyConfig.HashFuncs comes before all of this for the types that it names.
//
// Types of other modules and of the standard library whose private data means
// something that is not known (see package known) are compared by their own
// encoding, MarshalBinary or GobEncode, or refused.
//
// Functions, channels, unsafe pointers, the types of sync and sync/atomic, and
// open files and connections cannot identify anything: [Compile] refuses them by a [TypeError], Append refuses
// them behind interfaces by a [ValueError]. Types declared inside functions
// that share package and name are told apart within a plan, but not in a store
// when they stand behind interfaces and have one structure.
//
// Values that are too deep or too large have no key ([ErrTooDeep],
// [ErrTooLarge]); cycles end by themselves.
//
// # Fingerprints
//
// [Plan.Fingerprint] is the 64-bit hash of github.com/mitchellh/hashstructure:
// the short name of a key in logs, events and stores. Equal bytes have equal
// fingerprints, but 64 bits collide, by chance and on demand, so it is never
// an identity, and is computed only when asked for.
package keys
