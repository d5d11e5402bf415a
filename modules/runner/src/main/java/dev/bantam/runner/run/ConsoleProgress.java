package dev.bantam.runner.run;

import dev.bantam.checkpoint.Progress;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.Consumer;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows what is going on: a bar with rate and time left on a terminal, a plain line every ten
 * seconds elsewhere, nothing when quiet. Messages also go to a log, if one is attached. Every
 * report of progress is a place where the work can be {@linkplain Interruption interrupted}.
 */
public final class ConsoleProgress implements Progress {
  private static final long LINE_EVERY_NANOS = 10_000_000_000L;
  private static final double BYTES_PER_MB = 1e6;

  private final PrintStream out;
  private final boolean quiet;
  private final boolean terminal;
  private Consumer<String> log = text -> {};

  /**
   * @param out where progress goes; results go to standard output
   * @param quiet whether to show nothing
   * @param terminal whether {@code out} is a terminal
   */
  public ConsoleProgress(PrintStream out, boolean quiet, boolean terminal) {
    this.out = out;
    this.quiet = quiet;
    this.terminal = terminal;
  }

  /** Also gives every message to a log, until another one is set. */
  public void log(Consumer<String> sink) {
    this.log = sink;
  }

  @Override
  public void message(String text) {
    Interruption.check();
    log.accept(text);
    if (!quiet) {
      out.println(text);
    }
  }

  @Override
  public Bar start(String task, long total, String unit) {
    Interruption.check();
    return new Interruptible(shown(task, total, unit));
  }

  private Bar shown(String task, long total, String unit) {
    if (quiet) {
      return Progress.NONE.start(task, total, unit);
    }
    return terminal ? new DrawnBar(task, total, unit) : new Lines(task, total, unit);
  }

  private static boolean bytes(String unit) {
    return unit.equals("bytes");
  }

  /** Ends the work at the next step if the user wants to stop. */
  private record Interruptible(Bar bar) implements Bar {
    @Override
    public void advance(long units) {
      bar.advance(units);
      Interruption.check();
    }

    @Override
    public void close() {
      bar.close();
    }
  }

  /** A bar that is redrawn in place and erased when done. */
  private final class DrawnBar implements Bar {
    private final ProgressBar bar;

    DrawnBar(String task, long total, String unit) {
      final ProgressBarBuilder builder =
          new ProgressBarBuilder()
              .setTaskName(task)
              .setInitialMax(total)
              .setStyle(ProgressBarStyle.ASCII)
              .setUpdateIntervalMillis(250)
              .setConsumer(new ConsoleProgressBarConsumer(out))
              .clearDisplayOnFinish()
              .showSpeed();
      if (bytes(unit)) {
        builder.setUnit(" MB", (long) BYTES_PER_MB);
      } else {
        builder.setUnit(" " + unit, 1);
      }
      bar = builder.build();
    }

    @Override
    public void advance(long units) {
      bar.stepBy(units);
    }

    @Override
    public void close() {
      bar.close();
    }
  }

  /** For files and pipes: a line now and then. */
  private final class Lines implements Bar {
    private final String task;
    private final long total;
    private final String unit;
    private final long start = System.nanoTime();
    private long done;
    private long lastLine = start;

    Lines(String task, long total, String unit) {
      this.task = task;
      this.total = total;
      this.unit = unit;
    }

    @Override
    public synchronized void advance(long units) {
      done += units;
      final long now = System.nanoTime();
      if (now - lastLine >= LINE_EVERY_NANOS) {
        lastLine = now;
        out.println(line((now - start) / 1e9));
      }
    }

    private String line(double seconds) {
      final double rate = done / seconds;
      final double scale = bytes(unit) ? BYTES_PER_MB : 1;
      final String name = bytes(unit) ? "MB" : unit;
      final String soFar =
          String.format(
              Locale.ROOT,
              rate / scale < 1 ? "%s: %.0f %s, %.2g %s/s" : "%s: %.0f %s, %.1f %s/s",
              task,
              done / scale,
              name,
              rate / scale,
              name);
      return total <= 0 || total < done // unknown, or too low a guess
          ? soFar
          : String.format(
              Locale.ROOT,
              "%s, %.0f %% done, about %.0f s left",
              soFar,
              100.0 * done / total,
              (total - done) / rate);
    }

    @Override
    public void close() {
      // the next message says what came of it
    }
  }
}
