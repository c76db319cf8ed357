package adminapi

// Endpoint is one method of one path. A part of the path in braces stands for any value.
type Endpoint struct{ Method, Path string }

// Endpoints returns all endpoints of the API.
func Endpoints() []Endpoint {
	var list []Endpoint
	for _, e := range new(API).endpoints() {
		list = append(list, Endpoint{e.method, e.path})
	}
	return list
}
