package dev.bantam.tensor;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * A fixed set of threads that run numbered pieces of work; the calling thread is one of them.
 *
 * <p>What the pieces are is decided by the caller from the shape of the data, never from the number
 * of threads, and pieces write to disjoint memory: so results are the same for any number of
 * threads. Calls from inside a piece run on the calling thread alone.
 */
public final class Workers implements AutoCloseable {
  /** One piece of work. */
  @FunctionalInterface
  public interface Piece {
    /**
     * Runs piece {@code index}.
     *
     * @param worker number of the running thread, below {@link Workers#threads()}; use it to pick
     *     scratch memory
     */
    void run(int index, int worker);
  }

  private static final int SPINS = 2_000;

  private final Thread[] threads;
  private volatile Job job;
  private volatile boolean closed;

  /** One call of {@link #run}; a fresh object each time, so that late threads cannot mix jobs. */
  private static final class Job {
    final Piece piece;
    final int count;
    final AtomicInteger next = new AtomicInteger();
    final AtomicInteger done = new AtomicInteger();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final Thread caller = Thread.currentThread();

    Job(Piece piece, int count) {
      this.piece = piece;
      this.count = count;
    }

    void work(int worker) {
      for (int i = next.getAndIncrement(); i < count; i = next.getAndIncrement()) {
        try {
          if (failure.get() == null) {
            piece.run(i, worker);
          }
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        }
        if (done.incrementAndGet() == count) {
          LockSupport.unpark(caller);
        }
      }
    }
  }

  /**
   * @param threads number of threads including the caller, at least 1
   */
  public Workers(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("At least one thread is needed: " + threads);
    }
    this.threads = new Thread[threads - 1];
    for (int i = 0; i < this.threads.length; i++) {
      final int worker = i + 1;
      this.threads[i] = new Thread(() -> loop(worker), "bantam-worker-" + worker);
      this.threads[i].setDaemon(true);
      this.threads[i].start();
    }
  }

  /** Number of threads, the calling one included. */
  public int threads() {
    return threads.length + 1;
  }

  /**
   * Runs pieces 0 .. count-1 and returns when all are done. Only one thread may call this at a
   * time; a call from within a piece runs inline on worker number {@code worker}'s scratch, so it
   * is refused.
   */
  public void run(int count, Piece piece) {
    if (job != null) {
      throw new IllegalStateException("Workers are busy: pieces must not start further pieces");
    }
    if (count <= 1 || threads.length == 0) {
      for (int i = 0; i < count; i++) {
        piece.run(i, 0);
      }
      return;
    }
    final Job current = new Job(piece, count);
    job = current;
    for (int i = 0; i < Math.min(threads.length, count - 1); i++) {
      LockSupport.unpark(threads[i]);
    }
    current.work(0);
    int spins = 0;
    while (current.done.get() < count) {
      if (++spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(this, 50_000);
      }
    }
    job = null;
    final Throwable failure = current.failure.get();
    if (failure instanceof Error error) {
      throw error;
    }
    if (failure instanceof RuntimeException exception) {
      throw exception;
    }
  }

  private void loop(int worker) {
    Job last = null;
    int spins = 0;
    while (!closed) {
      final Job current = job;
      if (current != null && current != last) {
        last = current;
        spins = 0;
        current.work(worker);
      } else if (++spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(this);
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
