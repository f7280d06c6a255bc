// Package untrusted bounds what decoding bytes of strangers may cost, before
// they are decoded: how much a compressed body unpacks to, how many elements a
// message has (an empty one of two bytes becomes a struct of two hundred), how
// deeply they are nested (decoders recurse, and a stack that overflows ends the
// program).
package untrusted
