package door

import "sync"

// Passing counts the requests that are handed on, by user. They take no seat here, but what a node hands on at a time
// is limited, and one user must not take all of it. A user's share is what the connections of one node can need: a
// poll or a stream and some POSTs each.
type Passing struct {
	mu    sync.Mutex
	users map[string]int
}

const passingPerConnection = 4

// Enter takes a place and returns true where the user has one left. connections is how many connections a user may
// have; 0: no limit.
func (p *Passing) Enter(user string, connections int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if connections > 0 && p.users[user] >= connections*passingPerConnection {
		return false
	}
	if p.users == nil {
		p.users = make(map[string]int)
	}
	p.users[user]++
	return true
}

// Leave gives the place back.
func (p *Passing) Leave(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users[user]--; p.users[user] == 0 {
		delete(p.users, user)
	}
}
