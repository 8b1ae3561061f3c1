/* The way in to inference.local: connections that come for it, by CONNECT or by its address. */
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/sniff.h"

static const char established[] = "HTTP/1.1 200 Connection Established\r\n\r\n";

void
inference_serve(struct connection *connection)
{
	struct why why;
	size_t put = 0;

	connection->inference = true;
	connection->judged.allowed = connection->judged.inspect = true;
	if (connection->how == HOW_CONNECT &&
	    (leg_write(connection->agent, established, sizeof(established) - 1, &put, &why) != OK ||
		put != sizeof(established) - 1))
		connection_end(connection);
	else
		sniff_begin(connection);
}
