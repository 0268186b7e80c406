"""GraphQL over the same questions as REST."""

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    format_error,
    graphql,
)

from . import base, repositories, store

STATE = GraphQLEnumType("State", {name: GraphQLEnumValue(name) for name in store.STATES})
_fields = {
    "id": GraphQLField(GraphQLNonNull(GraphQLInt)),
    "code": GraphQLField(GraphQLNonNull(GraphQLString)),
    "title": GraphQLField(GraphQLNonNull(GraphQLString)),
    "state": GraphQLField(GraphQLNonNull(STATE)),
    "weight": GraphQLField(GraphQLInt),
    "note": GraphQLField(GraphQLString),
    "collection": GraphQLField(GraphQLNonNull(GraphQLString)),
    "foundOn": GraphQLField(GraphQLString, resolver=lambda item, _: item["found_on"]),
    "createdAt": GraphQLField(GraphQLString, resolver=lambda item, _: item["created_at"]),
}
if base.planted("schema-field-gone"):
    del _fields["foundOn"]
if base.MAJOR >= 2:
    _fields["heavy"] = GraphQLField(GraphQLBoolean, resolver=lambda item, _: (item["weight"] or 0) > 10000)
ITEM = GraphQLObjectType("Item", _fields)
COLLECTION = GraphQLObjectType(
    "Collection",
    {"id": GraphQLField(GraphQLInt), "name": GraphQLField(GraphQLString), "owner": GraphQLField(GraphQLString)},
)
REPOSITORY = GraphQLObjectType(
    "Repository",
    {"id": GraphQLField(GraphQLInt), "name": GraphQLField(GraphQLString), "status": GraphQLField(GraphQLString)},
)


def _items(_, info, first=10, offset=0):
    return store.items(info.context["cursor"], info.context["user"], min(first, 200), offset)


def _repositories(_, info):
    return repositories.listed(info.context["cursor"]) if info.context["user"] else []


QUERY = GraphQLObjectType(
    "Query",
    {
        "items": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(ITEM))),
            {"first": GraphQLArgument(GraphQLInt), "offset": GraphQLArgument(GraphQLInt)},
            resolver=_items,
        ),
        "item": GraphQLField(
            ITEM,
            {"id": GraphQLArgument(GraphQLNonNull(GraphQLInt))},
            resolver=lambda _, info, id: store.one_item(info.context["cursor"], info.context["user"], id),
        ),
        "collections": GraphQLField(
            GraphQLNonNull(GraphQLList(GraphQLNonNull(COLLECTION))),
            resolver=lambda _, info: store.collections(info.context["cursor"], info.context["user"]),
        ),
        "repositories": GraphQLField(GraphQLList(GraphQLNonNull(REPOSITORY)), resolver=_repositories),
    },
)
SCHEMA = GraphQLSchema(QUERY)


def answer(cursor, user, body):
    result = graphql(
        SCHEMA,
        body.get("query") or "",
        variables=body.get("variables"),
        operation_name=body.get("operationName"),
        context={"cursor": cursor, "user": user},
    )
    told = {"data": result.data}
    if result.errors:
        told["errors"] = [format_error(error) for error in result.errors]
    return told
