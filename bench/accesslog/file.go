package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// agents are user agents as they come, by weight of their place.
func agents() []string {
	return []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
		"okhttp/4.12.0", "python-requests/2.32.3", "curl/8.5.0", "-",
		`weird \x22quoted\x22 agent \xC3\xA4`,
	}
}

// write makes a log of one busy hour: an API's paths with ids and queries, a
// few thousand clients of which some are busy, scanners, garbage.
func write(path string, lines int) (size int64, err error) {
	f, err := os.Create(path) // #nosec G304 -- in a folder of its own
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- invented traffic
	begin := time.Now().Add(-time.Hour).UTC()
	ua := agents()
	for i := range lines {
		at := begin.Add(time.Duration(float64(i) / float64(lines) * float64(time.Hour))).Format("02/Jan/2006:15:04:05 +0000")
		client := int(r.ExpFloat64() * 400)
		addr := fmt.Sprintf("203.%d.%d.%d", client>>16&127, client>>8&255, client&255)
		if client%20 == 0 {
			addr = fmt.Sprintf("2001:db8:%x::%x", client, client)
		}
		method, target, status := request(r)
		referer := "-"
		if r.IntN(3) == 0 {
			referer = "https://shop.example/products/" + strconv.Itoa(r.IntN(10_000))
		}
		agent := client * 7 % (2 * len(ua)) // a client mostly keeps to one program
		if agent >= len(ua) || r.IntN(50) == 0 {
			agent = min(int(r.ExpFloat64()*2), len(ua)-1) * (1 - client%2)
		}
		if r.IntN(5000) == 0 {
			fmt.Fprintf(w, "%s - - [%s] \"\\x16\\x03\\x01\\x02\\x00\" 400 157 \"-\" \"-\"\n", addr, at)
			continue
		}
		fmt.Fprintf(w, "%s - - [%s] \"%s %s HTTP/1.1\" %d %d \"%s\" \"%s\"\n", addr, at, method, target, status, r.IntN(20_000), referer, ua[agent])
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Close()
}

func request(r *rand.Rand) (method, target string, status int) {
	status = 200
	switch n := r.IntN(1000); {
	case n < 5:
		status = 500
	case n < 10:
		status = 499
	case n < 40:
		status = 304
	}
	id := r.IntN(1_000_000)
	switch n := r.IntN(100); {
	case n < 35:
		return "GET", fmt.Sprintf("/api/orders/%d", id), status
	case n < 50:
		return "GET", fmt.Sprintf("/api/orders?page=%d&limit=50&sort=-created", r.IntN(50)), status
	case n < 60:
		return "POST", "/api/orders", 201
	case n < 75:
		return "GET", fmt.Sprintf("/api/customers/%d/addresses", id), status
	case n < 85:
		return "PUT", fmt.Sprintf("/api/orders/%d/items/%d", id, r.IntN(20)), status
	case n < 90:
		return "GET", fmt.Sprintf("/api/products/%08x-1c2d-4e5f-8a9b-%012x", id, id), status
	case n < 95:
		return "GET", "/api/search?q=" + strings.Repeat("ab", r.IntN(10)) + "&token=secret" + strconv.Itoa(id), status
	case n < 98:
		return "GET", "/api/health", status
	}
	return "GET", fmt.Sprintf("/wp-admin/%d.php", id), 404
}

// head copies the first lines of a file.
func head(from, to string, lines int) error {
	in, err := os.Open(from) // #nosec G304 -- in a folder of its own
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to) // #nosec G304 -- in a folder of its own
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	s := bufio.NewScanner(in)
	for n := 0; n < lines && s.Scan(); n++ {
		_, _ = w.Write(s.Bytes())
		_ = w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}
