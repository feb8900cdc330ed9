// Which cells of a set a search looks into.
//
// A vector's nearness to the query is that of its cell's centre and a rest, and the rests of
// the cells looked into tell how far they spread in the direction of this query. Taken as
// normally distributed, that gives how many vectors of each other cell are likely nearer than
// the worst hit so far. The search goes on, the most promising cells first, until all that are
// left together hold next to none: few of them where vectors lie in groups, and nearly all
// where they do not, so that the data decide and not an option.
#ifndef MB_STORAGE_VECTOR_PROBE_H
#define MB_STORAGE_VECTOR_PROBE_H

#include "kernel/vector_top.h"
#include "storage/vector_view.h"

typedef struct mb_vector_probe {
    mb_reader *reader;
    const mb_vector_view *view;
    const mb_vector_query *query;
    size_t count;         // of cells
    float *nearness;      // of each one's centre
    float *spread;        // how far its vectors' lie from that, but for the direction
    float *reach;         // likewise, where some lie much farther than most
    float *records;       // how many there are
    bool *visited;        // which were chosen before
    size_t visits;        // how many
    double squares;       // of all rests seen, each divided by its cell's spread
    size_t seen;          // how many
    double loss;          // how many of the nearest may be missed
    mb_vector_top chosen; // cells to look into next, as serials
    void *memory;         // holds all arrays
} mb_vector_probe;

MB_HIDDEN_BEGIN

// Begins a search of which `loss` hits may be missed. False with the reader's error filled.
bool mb_vector_probe_open(mb_vector_probe *probe, mb_reader *reader, const mb_vector_view *view,
                          const mb_vector_query *query, const mb_vector_kernel *kernel,
                          double loss);

// Chooses the cells to look into next, given the nearness of the worst hit so far (-INFINITY:
// there are too few). False when there are none.
bool mb_vector_probe_next(mb_vector_probe *probe, double worst);

// Takes in what was found in a cell: the nearness of its vectors.
void mb_vector_probe_note(mb_vector_probe *probe, size_t cell, const float *nearness,
                          size_t count);

void mb_vector_probe_close(mb_vector_probe *probe);

MB_HIDDEN_END

#endif
