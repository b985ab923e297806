package load

// Text returns a file's text again, for those who show a line of it or look at
// its comments; a File that has changed since may have another one. The error
// is as File's.
func Text(path string) ([]byte, error) {
	text, err := read(path, 0)
	if err != nil {
		return nil, err
	}
	return []byte(text), nil
}
