package event

import "iter"

// MembersOf yields the members of a JSON object in their order, names and values unchanged. It allocates only for
// names with escapes. It ends at invalid JSON, and yields nothing if object is no JSON object.
func MembersOf(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		s := scanUsed(object)
		for name, value, ok := s.next(); ok; name, value, ok = s.next() {
			if !yield(name, value) {
				return
			}
		}
	}
}
