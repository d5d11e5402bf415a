package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.deltamerging.MergeRecipe;
import dev.bantam.deltamerging.MergeSources;
import dev.bantam.deltamerging.ParameterValue;
import dev.bantam.deltamerging.StreamingMerge;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.UnwritableException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Merging of three model folders on disk, against reading the same three files and writing one of
 * their length, in blocks of 1 MB, by one thread. Both sync what they wrote.
 */
final class MergeBench {
  private static final int MODELS = 3;
  private static final int BLOCK = 1 << 20;
  private static final int WIDTH = 1024;

  /** Rows of a matrix: 16 MB, as in encoders of a thousand columns. */
  private static final int ROWS = 4096;

  private final Path work;
  private final long bytes;

  private MergeBench(Path work, long bytes) {
    this.work = work;
    this.bytes = bytes;
  }

  /**
   * Writes the models.
   *
   * @param bytes of each, about
   */
  static MergeBench in(Path work, long bytes) {
    final int matrices = (int) Math.max(1, bytes / ((long) ROWS * WIDTH * Float.BYTES));
    for (int m = 0; m < MODELS; m++) {
      final Path folder = work.resolve("m" + m);
      AtomicFiles.createFolders(folder);
      final SafetensorsWriter writer = new SafetensorsWriter();
      final byte[] row = row(m);
      for (int i = 0; i < matrices; i++) {
        writer.add(
            "encoder.layer." + i + ".output.dense.weight",
            SafetensorsType.F32,
            new long[] {ROWS, WIDTH},
            out -> repeat(row, out));
      }
      writer.write(folder.resolve("model.safetensors"));
      AtomicFiles.write(folder.resolve("config.json"), "{\"model_type\": \"bert\"}");
    }
    return new MergeBench(work, (long) matrices * ROWS * WIDTH * Float.BYTES);
  }

  /** The same base for all, and small differences. */
  private static byte[] row(int model) {
    final SplittableRandom base = new SplittableRandom(1);
    final SplittableRandom delta = new SplittableRandom(2 + model);
    final ByteBuffer row = ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN);
    while (row.hasRemaining()) {
      final double difference = model == 0 ? 0 : (delta.nextDouble() - 0.5) * 2e-3;
      row.putFloat((float) ((base.nextDouble() - 0.5) * 0.1 + difference));
    }
    return row.array();
  }

  private static void repeat(byte[] block, OutputStream out) throws IOException {
    for (long left = (long) ROWS * WIDTH * Float.BYTES; left > 0; left -= block.length) {
      out.write(block, 0, (int) Math.min(left, block.length));
    }
  }

  BenchLine measure(MergeMethod method, Workers workers, InTurn inTurn) {
    final double[][] rates = inTurn.rates(() -> merge(method, workers), this::copy);
    for (double[] side : rates) {
      for (int i = 0; i < side.length; i++) {
        side[i] *= (MODELS + 1) * bytes / 1e6;
      }
    }
    return new BenchLine(
        "merge",
        method.word() + ", " + MODELS + " x " + bytes / 1_000_000 + " MB",
        "stream copy of as many bytes, 1 thread",
        "MB/s",
        Comparison.of(rates[0], rates[1]),
        Map.of("threads", (double) workers.threads()));
  }

  private void merge(MergeMethod method, Workers workers) {
    final Map<String, ParameterValue> half = Map.of("density", ParameterValue.of(0.5));
    final MergeRecipe recipe =
        MergeRecipe.of(
            method,
            "m0",
            List.of(MergeRecipe.Model.of("m1", 0.5), MergeRecipe.Model.of("m2", 0.5)),
            half);
    final MergeSources sources =
        MergeSources.of(Optional.of(folder(0)), List.of(folder(1), folder(2)));
    final Path target = work.resolve("merged");
    try (StreamingMerge merge = StreamingMerge.open(recipe, sources, 1)) {
      merge.write(
          target, true, workers, Progress.NONE, finished -> AtomicFiles.move(finished, target));
    }
    AtomicFiles.delete(target);
  }

  private MergeSources.Folder folder(int model) {
    return new MergeSources.Folder("m" + model, work.resolve("m" + model), Optional.empty());
  }

  private void copy() {
    final Path target = work.resolve("copy");
    final ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
    try (FileChannel out =
        FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (int m = 0; m < MODELS; m++) {
        try (FileChannel in =
            FileChannel.open(
                work.resolve("m" + m).resolve("model.safetensors"), StandardOpenOption.READ)) {
          while (in.read(block.clear()) >= 0) {
            block.flip();
            while (m == 0 && block.hasRemaining()) {
              out.write(block);
            }
          }
        }
      }
      out.force(true);
    } catch (IOException e) {
      throw UnwritableException.of(target, e);
    }
    AtomicFiles.delete(target);
  }
}
