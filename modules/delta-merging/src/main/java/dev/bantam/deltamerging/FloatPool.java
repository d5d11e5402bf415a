package dev.bantam.deltamerging;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Float arrays that are used again, and a bound on all of them together: who would exceed it waits.
 * A single request may be as large as the bound. Safe for use by several threads.
 */
final class FloatPool {
  private final long limit;
  private final Map<Integer, Deque<float[]>> free = new HashMap<>();
  private long used;
  private long kept;

  /**
   * @param limit in bytes
   */
  FloatPool(long limit) {
    this.limit = limit;
  }

  /** Waits until so many bytes may be used. */
  synchronized void reserve(long bytes) {
    boolean interrupted = false;
    while (used > 0 && used + bytes > limit) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true; // told to the thread below; the work is stopped elsewhere
      }
    }
    used += bytes;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Gives back what {@link #reserve} took. */
  synchronized void release(long bytes) {
    used -= bytes;
    notifyAll();
  }

  /** An array of a length, of any content; counted in what was reserved. */
  synchronized float[] take(int length) {
    final Deque<float[]> same = free.get(length);
    if (same != null && !same.isEmpty()) {
      kept -= (long) length * Float.BYTES;
      return same.pop();
    }
    if (kept + used > limit) { // what is kept for other lengths makes room
      free.clear();
      kept = 0;
    }
    return new float[length];
  }

  /** Gives an array back; it must not be used again. */
  synchronized void give(float[] array) {
    free.computeIfAbsent(array.length, n -> new ArrayDeque<>()).push(array);
    kept += (long) array.length * Float.BYTES;
  }
}
