package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/yummyzoom/herald/internal/auth"
)

const (
	devKeyFile  = "jwt-secret"
	privateFile = 0o600
	dataDirMode = 0o755 // the database's user must pass through it
)

// devKey returns the development key of a data directory, and makes one the first time: tokens stay valid over
// restarts.
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

// mintingSecret returns the secret that signs development tokens: the newest configured one, else that of herald
// dev.
func mintingSecret(settings Auth, dataDir string) (string, error) {
	cfg, err := auth.FromSettings(settings)
	if err != nil {
		return "", err
	}
	secret, err := cfg.NewestSecret()
	if err != nil || secret != "" {
		return secret, err
	}
	if secret, err = readDevKey(dataDir); err != nil {
		return "", fmt.Errorf(
			"neither HERALD_JWT_SECRET nor HERALD_JWT_SECRET_FILE is set, and there is no key of `herald dev` here "+
				"(--data-dir says where it keeps its data): %w", err)
	}
	return secret, nil
}

func readDevKey(dataDir string) (string, error) {
	key, err := os.ReadFile(filepath.Join(dataDir, devKeyFile))
	if err != nil {
		return "", fmt.Errorf("reading the development key: %w", err)
	}
	return strings.TrimSpace(string(key)), nil
}
