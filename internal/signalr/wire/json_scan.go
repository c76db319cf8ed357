package wire

import (
	"errors"

	"github.com/yummyzoom/herald/internal/jsonscan"
)

// maxDepth is how deeply arrays and objects may nest: MaxDepth of JsonHubProtocol.
const maxDepth = 64

// kind is the sort of a JSON value, named by its first byte.
type kind byte

const (
	object  kind = '{'
	array   kind = '['
	str     kind = '"'
	number  kind = '0'
	boolean kind = 't'
	null    kind = 'n'
)

// kindOf returns the kind of a value that the scanner has taken.
func kindOf(raw []byte) kind {
	switch raw[0] {
	case '{', '[', '"', 'n':
		return kind(raw[0])
	case 't', 'f':
		return boolean
	default:
		return number
	}
}

// eachMember calls member with each member of the object in record.
func eachMember(record []byte, member func(name string, raw []byte, k kind) error) error {
	s := jsonscan.New(record, maxDepth)
	err := s.Members(func(name []byte) error {
		raw, err := s.Value()
		if err != nil {
			return err
		}
		return member(string(name), raw, kindOf(raw))
	})
	switch {
	case err == nil && !s.End():
		return Malformedf("something follows the JSON object")
	case err == nil || errors.Is(err, ErrMalformed):
		return err
	default:
		return Malformedf("%s", err)
	}
}

// eachElement calls element with the elements of an array, up to the first that is not JSON.
func eachElement(raw []byte, levels int, element func(raw []byte)) {
	s := jsonscan.New(raw, levels)
	_ = s.Elements(element)
}
