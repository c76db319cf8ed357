package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	devKeyFile  = "jwt-secret"
	privateFile = 0o600
	dataDirMode = 0o755 // the database's user passes through
)

// devKey returns the development key of a data directory, making one the first time: tokens stay good over restarts.
func devKey(dataDir string) (string, error) {
	key, err := readDevKey(dataDir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dataDir, dataDirMode); err != nil {
		return "", fmt.Errorf("keeping the development key: %w", err)
	}
	key = rand.Text() + rand.Text()
	if err := os.WriteFile(filepath.Join(dataDir, devKeyFile), []byte(key+"\n"), privateFile); err != nil {
		return "", fmt.Errorf("keeping the development key: %w", err)
	}
	return key, nil
}

func readDevKey(dataDir string) (string, error) {
	key, err := os.ReadFile(filepath.Join(dataDir, devKeyFile))
	if err != nil {
		return "", fmt.Errorf("reading the development key: %w", err)
	}
	return strings.TrimSpace(string(key)), nil
}
