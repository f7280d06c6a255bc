package upstream

// Classes of bytes in a header (RFC 9110 §5.6.2, §5.5).
const (
	tokenByte = 1 << iota
	valueByte
)

// bytesOf has the classes of every byte. A value may have no control
// characters but the tab; bytes of 0x80 and above are let through as they are.
var bytesOf = func() (table [256]byte) {
	for c := range 256 {
		if c >= ' ' && c != 0x7f || c == '\t' {
			table[c] |= valueByte
		}
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			table[c] |= tokenByte
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		table[c] |= tokenByte
	}
	return table
}()

func isToken(c byte) bool { return bytesOf[c]&tokenByte != 0 }
