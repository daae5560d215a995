/* Lines on the guest's console. The host shows their tail when a boot fails. */
#ifndef SMOLVM_LOG_H
#define SMOLVM_LOG_H

void log_open(void);
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
