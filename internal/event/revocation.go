package event

// Revocation is the content of an [AccessRevoked] event: this user loses this group.
type Revocation struct {
	Group  Group
	Policy string
	UserID string
}

// Revocation reads an [AccessRevoked] event, or fails with an [*UndeliverableError].
func (e *Event) Revocation() (Revocation, error) {
	r := Revocation{}
	s := scanUsed(e.Payload)
	for name, value, ok := s.next(); ok; name, value, ok = s.next() {
		switch string(name) {
		case "policy":
			r.Policy = unquote(value)
		case "userId":
			if !isString(value) {
				return Revocation{}, e.unfit("userId", value, "a string")
			}
			r.UserID = unquote(value)
		}
	}
	if err := s.err(e); err != nil {
		return Revocation{}, err
	}
	kind, known := kindOfPolicy(r.Policy)
	if !known {
		return Revocation{}, e.undeliverable("unknown policy %.64q", r.Policy)
	}
	r.Group = kind.Group(e.ResourceID)
	return r, nil
}
