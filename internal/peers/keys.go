package peers

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync"
)

const (
	keySize  = 32
	keyLabel = "herald: requests from node to node"
	// keysHeld is how many derived keys are remembered: the newest, the one before, and the one to come.
	keysHeld = 8
)

// derived are keys for signing, made of the secrets that the nodes share. Keys for other uses are derived from the
// same secrets under other labels, so a signature or seal of one use is invalid in another.
type derived struct {
	of Keys

	mu   sync.Mutex
	held map[int32]*[keySize]byte
}

// newest is the key to sign with.
func (d *derived) newest() (id int32, key *[keySize]byte, ok bool) {
	id, secret, ok := d.of.Newest()
	if !ok {
		return 0, nil, false
	}
	return id, d.derive(id, secret), true
}

// find is the key with that id.
func (d *derived) find(ctx context.Context, id int32) (key *[keySize]byte, ok bool) {
	secret, ok := d.of.Find(ctx, id)
	if !ok {
		return nil, false
	}
	return d.derive(id, secret), true
}

func (d *derived) derive(id int32, secret []byte) *[keySize]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if key := d.held[id]; key != nil {
		return key
	}
	b, err := hkdf.Key(sha256.New, secret, nil, keyLabel, keySize)
	if err != nil {
		panic(fmt.Sprintf("deriving a key of %d bytes: %v", keySize, err)) // impossible: SHA-256 gives 255 times as much
	}
	if len(d.held) >= keysHeld || d.held == nil {
		d.held = map[int32]*[keySize]byte{}
	}
	key := (*[keySize]byte)(b)
	d.held[id] = key
	return key
}
