// Centrifugo's engine (the library centrifuge) as Centrifugo's default settings configure it: memory broker, no presence, no
// history, no compression, no batching by time, pongs within 8 s. Environment: PORT, PING_INTERVAL (ms).
//
// It is leaner than Centrifugo: nobody's token or permission is checked, publications carry no client info and the echo RPC
// is answered in this process, so its figures are a lower bound for Centrifugo's.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
)

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	port, err := number("PORT", 3000)
	if err != nil {
		return err
	}
	interval, err := number("PING_INTERVAL", 25_000)
	if err != nil {
		return err
	}
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:   centrifuge.LogLevelInfo,
		LogHandler: func(entry centrifuge.LogEntry) { log.Println(entry.Message, entry.Fields) },
	})
	if err != nil {
		return err
	}
	// No channel asks for presence: the manager that every new node gets would only hold memory.
	node.SetPresenceManager(nil)
	allowAll(node)
	if err := node.Run(); err != nil {
		return err
	}
	ping := time.Duration(interval) * time.Millisecond
	websocket := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		MessageSizeLimit: 64 << 10,
		WriteTimeout:     time.Second,
		// The library demands a pong timeout below the interval.
		PingPongConfig: centrifuge.PingPongConfig{PingInterval: ping, PongTimeout: min(8*time.Second, ping/2)},
	})
	routes := http.NewServeMux()
	routes.Handle("/connection/websocket", websocket)
	return http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), routes)
}

// allowAll lets anybody connect, subscribe, publish and call echo.
func allowAll(node *centrifuge.Node) {
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
		client.OnPublish(func(_ centrifuge.PublishEvent, done centrifuge.PublishCallback) {
			done(centrifuge.PublishReply{}, nil)
		})
		client.OnRPC(func(call centrifuge.RPCEvent, done centrifuge.RPCCallback) {
			if call.Method == "echo" {
				done(centrifuge.RPCReply{Data: call.Data}, nil)
			} else {
				done(centrifuge.RPCReply{}, centrifuge.ErrorMethodNotFound)
			}
		})
	})
}

func number(variable string, fallback int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", variable, err)
	}
	return value, nil
}
