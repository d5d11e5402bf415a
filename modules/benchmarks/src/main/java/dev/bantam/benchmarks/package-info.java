/**
 * Speed against named peers in the same process: {@code bantam bench}. Nothing of the product
 * depends on it.
 */
package dev.bantam.benchmarks;
