package upstream

import "net/http"

// fieldWriter takes the header fields of a request that goes out: as bytes on
// the lean path, in a map on the reference's. It is no interface so that what is
// written needs no allocation.
type fieldWriter struct {
	head   []byte      // the fields as HTTP/1.1 writes them, when header is nil
	header http.Header // or the map
}

func (w *fieldWriter) add(name, value string) {
	if w.header != nil {
		w.header[name] = append(w.header[name], value)
		return
	}
	w.head = append(w.head, name...)
	w.head = append(w.head, ": "...)
	w.head = append(w.head, value...)
	w.head = append(w.head, "\r\n"...)
}

// addBytes is add for a value that lives in a buffer.
func (w *fieldWriter) addBytes(name string, value []byte) {
	if w.header != nil {
		w.add(name, string(value))
		return
	}
	w.head = append(w.head, name...)
	w.head = append(w.head, ": "...)
	w.head = append(w.head, value...)
	w.head = append(w.head, "\r\n"...)
}

// Set makes it a tracecontext.Setter.
func (w *fieldWriter) Set(name, value string) { w.add(name, value) }
