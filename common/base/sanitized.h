/* Whether this build has AddressSanitizer, whichever compiler made it: memory is then not what it is else. */
#ifndef COMMON_BASE_SANITIZED_H
#define COMMON_BASE_SANITIZED_H

#define SANITIZED 0
#if defined(__SANITIZE_ADDRESS__)
#undef SANITIZED
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#undef SANITIZED
#define SANITIZED 1
#endif
#endif

#endif
