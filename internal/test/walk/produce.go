package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// asOrderService is a database's URL for the login that sql/examples/order_service.sql makes.
func asOrderService(owner string) string {
	u, err := url.Parse(owner)
	if err != nil {
		return ""
	}
	u.User = url.UserPassword("order_service", "order_service")
	return u.String()
}

// producers follows sql/examples/README.md, and finds each event delivered.
func (p *platform) producers() error {
	if _, err := p.shell("", `psql "$HERALD_DATABASE_URL" -v ON_ERROR_STOP=1 -f sql/examples/order_service.sql`, p.settings...); err != nil {
		return err
	}
	p.service = asOrderService(p.database)
	commands := []string{
		`psql "$DATABASE_URL" -f sql/examples/place_order.sql`, "go run ./sql/examples/go", "(cd sql/examples/node && npm ci && node place_order.js)",
	}
	python := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if _, err := p.try("", name+" -c 'import psycopg'"); err == nil && python == "" {
			python = "(cd sql/examples/python && " + name + " -B place_order.py)"
		}
	}
	if python != "" {
		commands = append(commands, python)
	}
	for _, command := range commands {
		output, err := p.shell("", command, "DATABASE_URL="+p.service)
		if err != nil {
			return err
		}
		placed := regexp.MustCompile(`placed \S+ ([0-9a-f-]{36})`).FindStringSubmatch(output)
		if placed == nil {
			return fmt.Errorf("`%s` has placed no order:\n%s", command, output)
		}
		if err := p.traced(placed[1]); err != nil {
			return err
		}
	}
	if python == "" {
		return leftOut("no Python here can import psycopg; psql, Go and Node.js have published")
	}
	return nil
}

// traced waits until `herald trace` says that an event has been relayed.
func (p *platform) traced(event string) error {
	return eventually("event "+event+" to be relayed", func() bool {
		output, err := p.try("", "herald trace "+event, p.settings...)
		return err == nil && strings.Contains(output, " relayed ")
	})
}

// publish publishes a change of the walk's order, as the order service.
func (p *platform) publish() error {
	p.seen++
	kind := "OrderStatusChanged"
	if p.seen == 1 {
		kind = "OrderPlaced"
	}
	_, err := p.shell("", fmt.Sprintf(`psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -tAc "SELECT herald.publish_order_event('%s', '%s', 'YZ-1024', 'Step%d', `+
		`restaurant_id => 'f3b63b0c-3b2a-4f8c-9d6a-3a9d1a2a4b0e', customer_id => '%s')"`, kind, p.order, p.seen, customer), "DATABASE_URL="+p.service)
	return err
}

// token mints one.
func (p *platform) token(settings ...string) (string, error) {
	output, err := p.shell("", "herald token --subject "+customer, append(slices.Clone(p.settings), settings...)...)
	return strings.TrimSpace(output), err
}

// follow places an order and follows it with the example.
func (p *platform) follow() error {
	if err := p.publish(); err != nil {
		return err
	}
	token, err := p.token()
	if err != nil {
		return err
	}
	if _, err := p.shell("examples", "npm ci --no-audit --no-fund --loglevel=error"); err != nil {
		return err
	}
	p.follower, err = p.start("examples", "node receive.mjs "+p.order.String(), "HERALD_URL="+p.public, "HERALD_TOKEN="+token)
	if err != nil {
		return err
	}
	if _, _, err := p.follower.await(0, "^joined"); err != nil {
		return err
	}
	return p.published()
}

// published publishes once more, and waits for it; everything before has come too, once and in order.
func (p *platform) published() error {
	if err := p.publish(); err != nil {
		return err
	}
	if _, _, err := p.follower.await(0, fmt.Sprintf(`^%d Step%d `, p.seen, p.seen)); err != nil {
		return err
	}
	var last int
	lines, _ := p.follower.said()
	for _, line := range lines {
		var sequence, step int
		if n, _ := fmt.Sscanf(line, "%d Step%d", &sequence, &step); n != 2 { //nolint:mnd // both of them
			continue
		}
		if last != 0 && sequence != last+1 {
			return fmt.Errorf("event %d came behind event %d", sequence, last)
		}
		last = sequence
	}
	return nil
}
