package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestAWebSocketGoesThroughTheGateway(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, append([]byte("echo "), message...)); err != nil {
				t.Error(err)
			}
		}
	}))})
	c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != fmt.Sprintf("echo %d", i) {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if e := s.sink.one(t); e.Status != 101 || e.Verdict != observe.Allowed {
		t.Errorf("%+v", e)
	}
}

func TestEventsArriveOneByOne(t *testing.T) {
	next := make(chan struct{})
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			select {
			case <-next: // the client has seen the one before
			case <-r.Context().Done():
				return
			}
		}
	}))})
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url("/events"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Fatalf("event %d: %q %v", i, lines.Text(), lines.Err())
		}
		lines.Scan()
		next <- struct{}{}
	}
	if lines.Scan() {
		t.Errorf("there is more: %s", lines.Text())
	}
	if e := s.sink.one(t); e.Status != 200 || e.ResponseBytes != 27 {
		t.Errorf("%+v", e)
	}
}

func TestAClientThatGoesEndsItsStreamAtTheUpstream(t *testing.T) {
	gone := make(chan struct{})
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
	}))})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", s.url("/events"), http.NoBody)
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := res.Body.Read(make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-gone
	if e := s.sink.one(t); e.Error != observe.ErrorClientGone || e.Status != 200 {
		t.Errorf("%+v", e)
	}
}

func TestTrailersAndEarlyHintsArrive(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("Trailer", "Checksum")
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
		w.Header().Set("Checksum", "42")
	}))})
	r, _ := http.NewRequestWithContext(t.Context(), "POST", s.url("/"), io.NopCloser(strings.NewReader("body")))
	var hints []string
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
		return nil
	}}))
	res, body := s.send(s.client, r)
	if body != "body" || res.Trailer.Get("Checksum") != "42" {
		t.Errorf("%q with the trailer %v", body, res.Trailer)
	}
	if diff := cmp.Diff([]string{"103 </style.css>; rel=preload"}, hints); diff != "" {
		t.Error(diff)
	}
}

// chat is a gRPC service without generated code: it sends back what it gets.
func chat() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: "chat.Chat", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Say", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in wrapperspb.StringValue
			if err := decode(&in); err != nil {
				return nil, err
			}
			if in.GetValue() == "fail" {
				return nil, status.Error(codes.FailedPrecondition, "not now")
			}
			return wrapperspb.String("said " + in.GetValue()), nil
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "Talk", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			for {
				var in wrapperspb.StringValue
				switch err := stream.RecvMsg(&in); {
				case errors.Is(err, io.EOF):
					stream.SetTrailer(metadata.Pairs("mood", "fine"))
					return nil
				case err != nil:
					return err
				}
				if err := stream.SendMsg(wrapperspb.String("heard " + in.GetValue())); err != nil {
					return err
				}
			}
		}}},
	}
}

func TestGRPCGoesThroughInBothDirections(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(chat(), struct{}{})
	go server.Serve(ln)
	defer server.Stop()

	cfg, client := secure(t, "h2c://"+ln.Addr().String())
	s := start(t, around{cfg: cfg})
	config := client.Transport.(*http.Transport).TLSClientConfig
	cc, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()

	var out wrapperspb.StringValue
	if err := cc.Invoke(t.Context(), "/chat.Chat/Say", wrapperspb.String("hello"), &out); err != nil || out.GetValue() != "said hello" {
		t.Errorf("%q %v", out.GetValue(), err)
	}
	if err := cc.Invoke(t.Context(), "/chat.Chat/Say", wrapperspb.String("fail"), &out); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("got %v", err)
	}
	stream, err := cc.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/chat.Chat/Talk")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // each message is answered before the next one is sent
		if err := stream.SendMsg(wrapperspb.String(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&out); err != nil || out.GetValue() != fmt.Sprint("heard ", i) {
			t.Fatalf("%q %v", out.GetValue(), err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&out); !errors.Is(err, io.EOF) || len(stream.Trailer()["mood"]) != 1 {
		t.Errorf("%v, trailer %v", err, stream.Trailer())
	}
	for _, e := range s.sink.wait(3) {
		if e.Status != 200 || e.Protocol != "HTTP/2.0" || e.Error != "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestAnAnswerThatBreaksOffIsBroken(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "only this")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))})
	res, err := s.client.Get(s.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%q looks whole", body)
	}
	if e := s.sink.one(t); e.Status != 200 || e.Error == "" || e.Error == observe.ErrorClientGone || !e.Failed() {
		t.Errorf("%+v", e)
	}
}

func TestADefectIsAnsweredAndObserved(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, echo)), deps: gateway.Deps{Operations: broken{}}})
	res, body := s.get("/")
	if p := problem(t, res, body); res.StatusCode != 500 || p["code"] != "internal" {
		t.Errorf("%d %v", res.StatusCode, p)
	}
	if e := s.sink.one(t); e.Status != 500 || e.Error != observe.ErrorInternal {
		t.Errorf("%+v", e)
	}
}

type broken struct{}

func (broken) Operation(_, _, _ string) (string, bool) { panic("a defect") }
