/* Lists: doubly linked, circular, the link inside the item; a zeroed head is initialised by list_init. */
#ifndef COMMON_BASE_LIST_H
#define COMMON_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void
list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void
list_append(struct list *head, struct list *item)
{
	item->prev = head->prev;
	item->next = head;
	head->prev->next = item;
	head->prev = item;
}

/* Take an item out; one that is in no list (zeroed or taken out already) stays so. */
static inline void
list_remove(struct list *item)
{
	if (item->next == NULL)
		return;
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = item->prev = NULL;
}

#define list_item(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* For each item; the current one may be removed inside. */
#define list_each(item, head, type, member)                                                                            \
	for (struct list *at_ = (head)->next, *next_ = at_->next;                                                      \
	     at_ != (head) && ((item) = list_item(at_, type, member), true); at_ = next_, next_ = at_->next)

#endif
