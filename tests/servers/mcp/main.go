// A server of the Model Context Protocol, made with its official library, for the tests: a few tools, over its standard input and output
// or, with an address, over HTTP to whoever has the token.
//
//	mcp [ADDRESS TOKEN events|json]
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// How many calls were cancelled by those who made them.
var cancelled atomic.Int64

type order struct {
	Number int `json:"number" jsonschema:"the number on the receipt"`
}

type name struct {
	Name string `json:"name"`
}

type nothing struct{}

func text(format string, values ...any) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprintf(format, values...)}}}
}

func server() *mcp.Server {
	// Two tools a page, so that there are several.
	server := mcp.NewServer(&mcp.Implementation{Name: "orders", Version: "1"}, &mcp.ServerOptions{PageSize: 2})
	mcp.AddTool(server, &mcp.Tool{Name: "order_status", Description: "Where an order is."},
		func(_ context.Context, _ *mcp.CallToolRequest, given order) (*mcp.CallToolResult, any, error) {
			return text("order %d is on its way", given.Number), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "ask", Description: "Asks who calls whether anybody is there."},
		func(ctx context.Context, request *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
			if err := request.Session.Ping(ctx, nil); err != nil {
				return nil, nil, err
			}
			return text("answered"), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "refund", Description: "Gives money back."},
		func(context.Context, *mcp.CallToolRequest, order) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("orders are refunded within 30 days only")
		})
	mcp.AddTool(server, &mcp.Tool{Name: "wait", Description: "Waits until it is cancelled."},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
			select {
			case <-ctx.Done():
				cancelled.Add(1)
				return nil, nil, ctx.Err()
			case <-time.After(time.Minute):
				return text("nobody cancelled"), nil, nil
			}
		})
	mcp.AddTool(server, &mcp.Tool{Name: "cancelled", Description: "How many waits were cancelled."},
		func(context.Context, *mcp.CallToolRequest, nothing) (*mcp.CallToolResult, any, error) {
			return text("%d", cancelled.Load()), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "variable", Description: "A variable of the environment."},
		func(_ context.Context, _ *mcp.CallToolRequest, given name) (*mcp.CallToolResult, any, error) {
			return text("%s=%s", given.Name, os.Getenv(given.Name)), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "end", Description: "Ends the server."},
		func(context.Context, *mcp.CallToolRequest, nothing) (*mcp.CallToolResult, any, error) {
			os.Exit(0)
			return nil, nil, nil
		})
	return server
}

func main() {
	if len(os.Args) == 1 {
		if err := server().Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			os.Exit(1)
		}
		return
	}
	one := server()
	options := &mcp.StreamableHTTPOptions{JSONResponse: os.Args[3] == "json"}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return one }, options)
	guarded := func(answer http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != "Bearer "+os.Args[2] {
			http.Error(answer, "the token "+request.Header.Get("Authorization")+" opens nothing", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(answer, request)
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Args[1], http.HandlerFunc(guarded)))
	os.Exit(1)
}
