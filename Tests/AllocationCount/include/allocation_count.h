// The number of allocations of this process so far; -1 where they are not counted.
long allocation_count(void);
