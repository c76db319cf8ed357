package adminapi

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// pagesPerUser and pagesOfNode bound how many pages of events, and of dead letters, are made and written at once.
	// Each page takes a few megabytes at most. A user's slow readers do not take other users' places.
	pagesPerUser, pagesOfNode = 4, 64
	// pagesRead is how many pages read the log at once. The pool's other connections stay free for other work.
	pagesRead = 2
	// placeWait is how long a request waits for its place. waitingPerUser is how many of a user's requests may wait;
	// further ones are told at once to come again.
	placeWait      = 500 * time.Millisecond
	waitingPerUser = 32

	tooManyPages = "Too many pages are asked for at once: ask for one after the other."
)

// places bounds the requests in progress, for each user and in total. It remembers only users with a request in
// progress.
type places struct {
	perUser int64
	all     *semaphore.Weighted

	mu    sync.Mutex // guards the fields below
	users map[string]*userPlaces
}

type userPlaces struct {
	*semaphore.Weighted

	requests int // in progress or waiting
}

func newPlaces(perUser, all int64) *places {
	return &places{perUser: perUser, all: semaphore.NewWeighted(all), users: make(map[string]*userPlaces)}
}

// take waits for a place; ok is false if none became free in time. The caller frees the place with leave.
func (p *places) take(ctx context.Context, user string) (leave func(), ok bool) {
	own := p.enter(user)
	if own == nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, placeWait)
	defer cancel()
	if own.Acquire(ctx, 1) != nil {
		p.exit(user, own)
		return nil, false
	}
	if p.all.Acquire(ctx, 1) != nil {
		own.Release(1)
		p.exit(user, own)
		return nil, false
	}
	return func() {
		p.all.Release(1)
		own.Release(1)
		p.exit(user, own)
	}, true
}

func (p *places) enter(user string) *userPlaces {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.users[user]
	if own == nil {
		own = &userPlaces{Weighted: semaphore.NewWeighted(p.perUser)}
		p.users[user] = own
	}
	if own.requests >= int(p.perUser)+waitingPerUser {
		return nil
	}
	own.requests++
	return own
}

func (p *places) exit(user string, own *userPlaces) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.requests--; own.requests == 0 {
		delete(p.users, user)
	}
}
