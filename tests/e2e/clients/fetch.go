// A Go client with the standard library alone: HTTP/2 where the server speaks it. usage: fetch URL
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	answer, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(answer.Proto, answer.StatusCode, len(body), err)
	if answer.StatusCode != 200 {
		os.Exit(1)
	}
}
