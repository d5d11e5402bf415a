package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever happens to a file, reading it succeeds or says what is wrong; nothing else escapes. */
class DamagedFilesTest {
  private static final int ROUNDS = 1000;

  @TempDir Path temp;

  @FunctionalInterface
  private interface Reading {
    void read(byte[] bytes) throws IOException;
  }

  /** Cuts, flips, swaps and repeats bytes, mostly in the first part, where the structure is. */
  private static byte[] damaged(byte[] original, int structured, SplittableRandom random) {
    byte[] bytes = original.clone();
    final int edits = random.nextInt(1, 4);
    for (int e = 0; e < edits; e++) {
      final int at = random.nextInt(Math.min(bytes.length, structured));
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) "0123456789\"[]{},:-.\0".charAt(random.nextInt(20));
        case 2 -> bytes = Arrays.copyOf(bytes, Math.max(1, random.nextInt(bytes.length + 1)));
        default -> {
          final int from = random.nextInt(bytes.length);
          final int length = Math.min(9, bytes.length - Math.max(at, from));
          System.arraycopy(bytes, from, bytes, at, Math.max(0, length));
        }
      }
    }
    return bytes;
  }

  /** Bytes of the heap that this thread asked for until now. */
  private static long allocated() {
    return ((com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean())
        .getThreadAllocatedBytes(Thread.currentThread().getId());
  }

  private static void survives(byte[] original, int structured, Reading reading)
      throws IOException {
    final SplittableRandom random = new SplittableRandom(20260101);
    reading.read(original); // libraries get ready
    int refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
      final byte[] bytes = damaged(original, structured, random);
      final long before = allocated();
      try {
        reading.read(bytes);
      } catch (BantamException e) {
        assertEquals(ExitCode.BAD_INPUT, e.exitCode(), e.getMessage());
        assertTrue(e.getMessage().length() > 20, e.getMessage());
        refused++;
      } catch (RuntimeException e) {
        throw new AssertionError("round " + round, e);
      }
      // lengths that a damaged file claims are in the gigabytes
      final long used = allocated() - before;
      assertTrue(used < 50_000_000, used + " bytes in round " + round);
    }
    assertTrue(refused > ROUNDS / 10, refused + " refused");
  }

  @Test
  void safetensors() throws IOException {
    final Path folder =
        Cases.copy(
            Cases.folder("encoders/bert-storage-variants/plain"), temp.resolve("safetensors"));
    final Path file = folder.resolve("model.safetensors");
    survives(
        Files.readAllBytes(file),
        4300,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void configuration() throws IOException {
    final Path folder =
        Cases.copy(Cases.folder("encoders/bert-storage-variants/plain"), temp.resolve("config"));
    final Path file = folder.resolve("config.json");
    survives(
        Files.readAllBytes(file),
        Integer.MAX_VALUE,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void index() throws IOException {
    final Path folder =
        Cases.copy(Cases.folder("encoders/bert-storage-variants/sharded"), temp.resolve("index"));
    final Path file = folder.resolve("model.safetensors.index.json");
    survives(
        Files.readAllBytes(file),
        Integer.MAX_VALUE,
        bytes -> {
          Files.write(file, bytes);
          HuggingFaceFolder.read(folder, Progress.NONE);
        });
  }

  @Test
  void onnx() throws IOException {
    final byte[] original =
        Files.readAllBytes(Cases.folder("quantization/onnx-tiny-bert-s1/fp32.onnx"));
    survives(
        original,
        original.length,
        bytes -> OnnxEncoder.read("damaged.onnx", bytes, OnnxEncoder.Beside.NOTHING));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"torchscript-11", "dynamo-20", "dynamo-23", "dynamo-plain", "optimum-sentences"})
  void exportedFiles(String name) throws IOException {
    final Path cases = Cases.folder("encoders/onnx-exports");
    final Path folder = Cases.copy(cases.resolve(name), temp.resolve("exported"));
    Files.copy(cases.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
    final Path file = folder.resolve("model.onnx");
    final byte[] original = Files.readAllBytes(file);
    survives(
        original,
        original.length,
        bytes -> {
          OnnxEncoder.read(
              "damaged.onnx",
              bytes,
              new OnnxEncoder.Beside(
                  Optional.of(folder),
                  OptionalInt.empty(),
                  OptionalDouble.empty(),
                  0,
                  Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("a", "b", "c")))));
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"modules.json", "sentence_bert_config.json", "1_Pooling/config.json"})
  void sentenceFiles(String name) throws IOException {
    final Path folder =
        Cases.copy(Cases.folder("encoders/sentence-encoder-mean/model"), temp.resolve("sentence"));
    final Path file = folder.resolve(name);
    survives(
        Files.readAllBytes(file),
        Integer.MAX_VALUE,
        bytes -> {
          Files.write(file, bytes);
          final Problems problems = new Problems("The folder cannot be read");
          SentenceFiles.read(folder, 20, problems);
          problems.throwIfAny();
        });
  }

  @Test
  void tokenizer() throws IOException {
    final byte[] original =
        Files.readAllBytes(Cases.folder("tokenizers/wordpiece-uncased/tokenizer.json"));
    survives(
        original,
        1200,
        bytes -> new HuggingFaceTokenizer("damaged.json", bytes).encode("a text", 16));
  }
}
