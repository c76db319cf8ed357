package postgres

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childDataDir names the variable that makes the test binary a program which starts a cluster and never stops it.
const childDataDir = "HERALD_TEST_CHILD_DATA_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDataDir); dir != "" {
		c, err := StartCluster(context.Background(), ClusterConfig{DataDir: dir, Disposable: true, Logger: discard()})
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Println(c.process.cmd.Process.Pid)
		select {}
	}
	goleak.VerifyTestMain(m)
}
