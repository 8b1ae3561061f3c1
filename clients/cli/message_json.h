/* Any protobuf message as JSON, by its descriptor: fields that are present, by their names in the .proto. */
#ifndef CLIENTS_CLI_MESSAGE_JSON_H
#define CLIENTS_CLI_MESSAGE_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/* Maps become objects, enums their names, bytes their length; a new reference. */
json_t *message_json(const ProtobufCMessage *message);

#endif
