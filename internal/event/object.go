package event

import "iter"

// MembersOf yields the members of a JSON object in their order, name and value as they stand there, without allocating for names that have no
// escapes. It ends at what is no JSON, and yields nothing of what is no object.
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
