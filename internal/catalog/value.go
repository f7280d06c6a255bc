package catalog

// isValue reports whether a segment of a path cannot be a word that a programmer
// chose: a number, UUID, hash, date, token, address or escaped text.
func isValue(segment string) bool {
	if len(segment) > maxWordLength {
		return true
	}
	var n [kinds]int // how many bytes there are of each kind
	changes, lastDigits := 0, 0
	before := isSeparator
	for i := range len(segment) {
		kind := kindOf[segment[i]]
		n[kind]++
		switch kind {
		case isOther:
			return true
		case isJoint:
			if n[isDigit] > 0 { // a time, a list, a pair of numbers
				return true
			}
		case isDigit:
			lastDigits++
			if before == isHexLetter || before == isLetter {
				changes++
			}
		default:
			lastDigits = 0
			if before == isDigit && kind != isSeparator {
				changes++
			}
		}
		before = kind
	}
	letters := n[isHexLetter] + n[isLetter]
	switch {
	case n[isDigit] == 0:
		// A hash without a digit is rare, and sixteen letters up to f are no word.
		return letters >= 16 && n[isLetter] == 0
	case isVersion(segment):
		return false
	case letters == 0: // numbers, dates
		return true
	case n[isLetter] == 0 && n[isDigit]+letters >= 8: // hashes, UUIDs
		return true
	case changes >= 3: // tokens
		return true
	case lastDigits >= 3: // order-1234, INV2024
		return true
	}
	return n[isDigit]+letters >= 32
}

// isVersion knows v1, v2.1, v1beta2.
func isVersion(segment string) bool {
	return len(segment) >= 2 && len(segment) <= 10 && segment[0] == 'v' && '0' <= segment[1] && segment[1] <= '9'
}

// kind is what a byte of a segment can be part of.
type kind uint8

const (
	isOther     kind = iota // escapes, the @ of mail addresses, braces, whatever else
	isDigit                 //
	isHexLetter             // a to f
	isLetter                // g to z
	isSeparator             // - _ . ~
	isJoint                 // : , +
	kinds
)

var kindOf = func() (table [256]kind) {
	for c := range table {
		switch {
		case '0' <= c && c <= '9':
			table[c] = isDigit
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			table[c] = isHexLetter
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			table[c] = isLetter
		case c == '-' || c == '_' || c == '.' || c == '~':
			table[c] = isSeparator
		case c == ':' || c == ',' || c == '+':
			table[c] = isJoint
		}
	}
	return table
}()
