package dev.bantam.runner.run;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A wish to stop, from Ctrl-C or the system's own termination signal. The work sees it at its next
 * report of progress and ends as it does on an error: temporaries deleted, the run folder freed, no
 * thread inside native code while the process goes down. The JVM's own handlers give the exit code:
 * 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP.
 *
 * <p>One for the process, as signals are.
 */
public final class Interruption {
  /** Longest wait for a piece of work that reports nothing; cells come through being cut off. */
  private static final long PATIENCE_SECONDS = 20;

  private static final long SILENCE_MILLIS = 500;

  private static final CountDownLatch ENDED = new CountDownLatch(1);
  private static volatile boolean wished;

  private Interruption() {}

  /** Makes the end of the JVM wait for {@link #ended()}. */
  public static void listen() {
    Runtime.getRuntime().addShutdownHook(new Thread(Interruption::stop, "bantam-stop"));
  }

  /** The work has ended, in whatever way. */
  public static void ended() {
    ENDED.countDown();
  }

  /**
   * Ends the work if that is wished.
   *
   * @throws BantamException (interrupted)
   */
  static void check() {
    if (wished) {
      throw new BantamException(
          ExitCode.INTERRUPTED, "Stopped before the end. Run the command again.");
    }
  }

  private static void stop() {
    wished = true;
    try {
      if (!ENDED.await(SILENCE_MILLIS, TimeUnit.MILLISECONDS)) {
        System.err.println("Stopping at the next safe place.");
        if (!ENDED.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
          System.err.println(
              "Stopped in the middle of a piece of work, which will be done again. Finished cells"
                  + " are kept, and the same command goes on from there.");
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
