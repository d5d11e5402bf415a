/**
 * Tasks, data files, batches and metrics.
 *
 * <p>Start at {@link dev.bantam.data.Tasks} for tasks known by name and at {@link
 * dev.bantam.data.DelimitedFile} for the user's own files; both give a {@link
 * dev.bantam.data.Task}. {@link dev.bantam.data.Tokenized} and {@link dev.bantam.data.Batches} turn
 * its examples into batches, {@link dev.bantam.data.Scores} turns predictions into metrics, {@link
 * dev.bantam.data.Retrieval} and {@link dev.bantam.data.Fidelity} do so with sentence vectors.
 * Everything here is immutable and the same on every machine: splits, samples and shuffles come
 * from hashes of the texts and of the seed.
 */
package dev.bantam.data;
