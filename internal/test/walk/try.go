package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// readmePort is where the README has Herald listen.
const readmePort = 5006

func (w *walk) cloning() {
	w.step("clone Herald into an empty folder", func() error {
		w.clone = w.dir
		if _, err := w.shell("", "git clone --quiet "+w.source+" herald"); err != nil {
			return err
		}
		w.clone = filepath.Join(w.dir, "herald")
		return nil
	})
}

// readme returns the README's line that begins with a command, which must be in a block of commands.
func (w *walk) readme(begins string) (string, error) {
	text, err := os.ReadFile(filepath.Join(w.clone, "README.md"))
	if err != nil {
		return "", err
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			if strings.HasPrefix(line, begins) {
				command, _, _ := strings.Cut(line, " #")
				return strings.TrimSpace(command), nil
			}
		}
	}
	return "", fmt.Errorf("the README does not say %s", begins)
}

// here is a command with the walk's port instead of the README's.
func (w *walk) here(command string) string {
	return strings.ReplaceAll(command, strconv.Itoa(readmePort), strconv.Itoa(w.port))
}

// trying is what the README's first screen and the examples promise.
func (w *walk) trying() {
	var dev *process
	printed := map[string]string{}
	w.step("`make run`, which prints hubs, tokens and a command", func() (err error) {
		command, err := w.readme("make run")
		if err != nil {
			return err
		}
		if w.port != readmePort {
			command += fmt.Sprintf(` ARGS="--listen localhost:%d"`, w.port)
		}
		if dev, err = w.start("", command); err != nil {
			return err
		}
		for name, pattern := range map[string]string{
			"hubs": `^Hubs +(\S+)/hubs/`, "customer": `^customer +(\S+)`, "admin": `^admin +(\S+)`,
			"order": `order ([0-9a-f-]{36})`, "follow": `^Follow one +(.+)`, "psql": `^Database .* · (psql .+)`,
		} {
			match, _, err := dev.await(0, pattern)
			if err != nil {
				return err
			}
			printed[name] = match[1]
		}
		// Nobody copies the command before the first lines have come: the order is placed with one of them.
		_, _, err = dev.await(0, "OrderPlaced +order:"+printed["order"])
		return err
	})
	follow := func(command string) error {
		p, err := w.start("", command)
		if err != nil {
			return err
		}
		at := 0
		for range 3 {
			if _, at, err = p.await(at, "ReceiveOrder"); err != nil {
				return err
			}
		}
		return p.end(syscall.SIGINT)
	}
	w.step("the command that it has printed follows an order", func() error { return follow(printed["follow"]) })
	w.step("the README's second command does", func() error {
		command, err := w.readme("bin/herald tail")
		if err != nil {
			return err
		}
		return follow(w.here(command))
	})
	w.step("what the README publishes, in the psql that was printed, is followed", func() error {
		p, err := w.start("", printed["follow"])
		if err != nil {
			return err
		}
		if _, _, err := p.await(0, "^following"); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(w.clone, "README.md"))
		if err != nil {
			return err
		}
		statement := regexp.MustCompile(`(?s)SELECT herald\.publish_order_event.*?;`).FindString(string(text))
		answer, err := w.shell("", printed["psql"]+` -v ON_ERROR_STOP=1 -c "$STATEMENT"`, "STATEMENT="+statement)
		if err != nil {
			return err
		}
		event := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).FindString(answer)
		if event == "" {
			return fmt.Errorf("publishing has returned no id: %s", answer)
		}
		if _, _, err := p.await(0, "ReceiveOrderStatusChanged.*"+event); err != nil {
			return err
		}
		return p.end(syscall.SIGINT)
	})
	w.step("the example in Node.js follows it", func() error {
		if _, err := w.shell("examples", "npm ci --no-audit --no-fund --loglevel=error"); err != nil {
			return err
		}
		p, err := w.start("examples", "node receive.mjs "+printed["order"], "HERALD_URL="+printed["hubs"], "HERALD_TOKEN="+printed["customer"])
		if err != nil {
			return err
		}
		if _, _, err := p.await(0, `^\d+ \w+ [0-9a-f-]{36}$`); err != nil {
			return err
		}
		return p.end(syscall.SIGINT)
	})
	w.step("a page in Chromium shows it, and the administrators' page its numbers", func() error { return w.pages(printed) })
	w.step("Ctrl-C ends it", func() error { return dev.end(syscall.SIGINT) })
}

// pages opens the examples' pages as their README says.
func (w *walk) pages(printed map[string]string) error {
	chromium := installed("chromium", "chromium-browser", "google-chrome")
	if chromium == "" {
		return leftOut("there is no Chromium on this machine")
	}
	port := w.port + 4 //nolint:mnd // behind the nodes and nginx
	vite, err := w.start("examples", fmt.Sprintf("npm run dev -- --port %d --strictPort", port), "HERALD_URL="+printed["hubs"])
	if err != nil {
		return err
	}
	if _, _, err := vite.await(0, `Local:|ready in`); err != nil {
		return err
	}
	browser, err := w.browse(chromium)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("http://localhost:%d/#token=", port)
	if err := browser.shows(base+printed["customer"]+"&order="+printed["order"], "#events li"); err != nil {
		return err
	}
	if err := browser.shows(base+printed["admin"]+"&page=admin", "#alerts .alert, #analytics p"); err != nil {
		return err
	}
	return errors.Join(browser.close(), vite.end(syscall.SIGTERM))
}

// browser is examples/browser.mjs.
type browser struct {
	cmd     *exec.Cmd
	in      *json.Encoder
	out     *bufio.Scanner
	calls   int
	closing func() error
}

func (w *walk) browse(chromium string) (*browser, error) {
	b := &browser{cmd: exec.CommandContext(w.ctx, "node", "browser.mjs")}
	b.cmd.Dir, b.cmd.Env, b.cmd.Stderr = w.clone+"/examples", append(os.Environ(), "CHROMIUM="+chromium), os.Stderr
	in, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.in, b.out, b.closing = json.NewEncoder(in), bufio.NewScanner(out), in.Close
	return b, b.cmd.Start()
}

func (b *browser) close() error { return errors.Join(b.closing(), b.cmd.Wait()) }

// call gives a command and returns its result.
func (b *browser) call(fields map[string]any) (result string, err error) {
	b.calls++
	fields["id"] = b.calls
	if err := b.in.Encode(fields); err != nil {
		return "", err
	}
	for b.out.Scan() {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  string
		}
		if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil || answer.ID != b.calls {
			continue
		}
		if answer.Error != "" {
			return "", errors.New(answer.Error)
		}
		_ = json.Unmarshal(answer.Result, &result) // else it is no text
		return result, nil
	}
	return "", errors.New("the browser has ended")
}

// shows opens a page and waits until it shows something where the selector says.
func (b *browser) shows(url, selector string) error {
	fmt.Println("    opening", url)
	if _, err := b.call(map[string]any{"op": "open", "client": url, "url": url}); err != nil {
		return err
	}
	return eventually(selector+" of the page", func() bool {
		text, err := b.call(map[string]any{"op": "read", "client": url, "selector": selector})
		return err == nil && text != ""
	})
}
