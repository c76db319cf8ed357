package door

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

// Sealer seals what clients carry from one server to another: only those servers can read it, or make it.
type Sealer interface {
	// Seal returns text sealed. It opens with the same binding only.
	Seal(text []byte, binding string) []byte
	// Open returns the text, and false where none of these servers has sealed it. It may wait to learn a key, until ctx
	// ends.
	Open(ctx context.Context, sealed []byte, binding string) (text []byte, ok bool)
}

// Keys are the keys of a [Sealer]. They may change at any time.
type Keys interface {
	// Used returns the key to seal with.
	Used() (id int32, secret [32]byte)
	// Find returns the key with that id, which a client may have invented. It may wait, until ctx ends.
	Find(ctx context.Context, id int32) (secret [32]byte, ok bool)
}

const (
	keyIDSize = 4
	// sealPurpose separates the sealing key from other keys that are derived from the same secret.
	sealPurpose = "SignalR connection tickets"
	// maxCiphers is how many keys are kept ready: more than are in use at a time.
	maxCiphers = 64
)

// NewSealer returns a sealer with keys that several servers share: AES-256-GCM, with a key that is derived from the
// secret for this purpose, and the key's id in front. Nonces are random; one key is good for 2³² tickets.
func NewSealer(keys Keys) Sealer { return &sealer{keys: keys, ciphers: make(map[[32]byte]cipher.AEAD)} }

type sealer struct {
	keys Keys

	mu      sync.Mutex
	ciphers map[[32]byte]cipher.AEAD
}

// Seal implements [Sealer].
func (s *sealer) Seal(text []byte, binding string) []byte {
	id, secret := s.keys.Used()
	aead := s.cipher(secret)
	sealed := make([]byte, keyIDSize, keyIDSize+aead.Overhead()+len(text))
	binary.BigEndian.PutUint32(sealed, uint32(id))       //nolint:gosec // its bits
	return aead.Seal(sealed, nil, text, []byte(binding)) //nolint:gosec // it makes the nonce itself
}

// Open implements [Sealer].
func (s *sealer) Open(ctx context.Context, sealed []byte, binding string) ([]byte, bool) {
	if len(sealed) < keyIDSize {
		return nil, false
	}
	secret, ok := s.keys.Find(ctx, int32(binary.BigEndian.Uint32(sealed))) //nolint:gosec // its bits
	if !ok {
		return nil, false
	}
	text, err := s.cipher(secret).Open(nil, nil, sealed[keyIDSize:], []byte(binding))
	return text, err == nil
}

func (s *sealer) cipher(secret [32]byte) cipher.AEAD {
	s.mu.Lock()
	defer s.mu.Unlock()
	if aead := s.ciphers[secret]; aead != nil {
		return aead
	}
	if len(s.ciphers) >= maxCiphers { // most are of keys that are retired
		clear(s.ciphers)
	}
	aead := newCipher(secret)
	s.ciphers[secret] = aead
	return aead
}

func newCipher(secret [32]byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, secret[:], nil, sealPurpose, len(secret))
	if err == nil {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			var aead cipher.AEAD
			if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
				return aead
			}
		}
	}
	panic(fmt.Sprintf("signalr: %v", err)) // the sizes are right
}

// ownKey is a key of this process alone.
type ownKey [32]byte

// NewOwnKey returns a key that no other process knows.
func NewOwnKey() Keys {
	k := new(ownKey)
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// Used implements [Keys].
func (k *ownKey) Used() (id int32, secret [32]byte) { return 0, *k }

// Find implements [Keys].
func (k *ownKey) Find(_ context.Context, id int32) (secret [32]byte, ok bool) { return *k, id == 0 }
