package tail

// Denied says why a file may not be read.
func Denied(path string) string {
	return "this account may not read " + path + "; give it the right to read the file"
}
