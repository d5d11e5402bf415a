package dev.bantam.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Commands on damaged files: each ends soon with a documented exit code and a paragraph, never with
 * a stack trace, and writes nothing. More rounds: {@code -Dbantam.mutations=25}.
 */
class HostileInputTest {
  private static final int ROUNDS = Integer.getInteger("bantam.mutations", 3);
  private static final Set<Integer> DOCUMENTED = Set.of(0, 3, 4, 6);
  private static final String STRUCTURE = "0123456789\"'[]{},:-.&*!|>%@\t\n\0 ";

  @TempDir private Path temporary;
  private Tiny tiny;

  /** A file, and the command that reads it. */
  enum Kind {
    EXPERIMENT("experiment.yaml"),
    RECIPE("recipe.yaml"),
    MERGE("merge.yaml"),
    TSV("signs.tsv"),
    CSV("signs.csv"),
    CONLL("words.conll"),
    CONFIG("tiny-bert/config.json"),
    TOKENIZER("tiny-bert/tokenizer.json"),
    WEIGHTS("tiny-bert/model.safetensors"),
    ONNX("model.onnx");

    private final String file;

    Kind(String file) {
      this.file = file;
    }
  }

  /** What is done to the bytes of a file. */
  enum Mutation {
    CUT,
    FLIP_BITS,
    OTHER_STRUCTURE,
    DELETE_RANGE,
    REPEAT_RANGE,
    SWAP_RANGES,
    INSERT_NOISE,
    HUGE_NUMBER,
    DEEP_NESTING,
    NOT_UTF8;

    byte[] of(byte[] original, SplittableRandom random) {
      // mostly in the first part, where the structure of binary files is
      final int reach = random.nextInt(4) == 0 ? original.length : Math.min(original.length, 2000);
      final int at = random.nextInt(Math.max(1, reach));
      final int length = Math.min(original.length - at, random.nextInt(1, 40));
      return switch (this) {
        case CUT -> Arrays.copyOf(original, at);
        case FLIP_BITS -> {
          final byte[] bytes = original.clone();
          for (int i = 0; i < 3; i++) {
            bytes[random.nextInt(reach)] ^= (byte) (1 << random.nextInt(8));
          }
          yield bytes;
        }
        case OTHER_STRUCTURE -> {
          final byte[] bytes = original.clone();
          bytes[at] = (byte) STRUCTURE.charAt(random.nextInt(STRUCTURE.length()));
          yield bytes;
        }
        case DELETE_RANGE -> replaced(original, at, length, new byte[0]);
        case REPEAT_RANGE ->
            replaced(original, at, 0, Arrays.copyOfRange(original, at, at + length));
        case SWAP_RANGES ->
            replaced(
                original, at, length, Arrays.copyOf(original, Math.min(length, original.length)));
        case INSERT_NOISE -> {
          final byte[] noise = new byte[length];
          for (int i = 0; i < noise.length; i++) {
            noise[i] = (byte) random.nextInt(256);
          }
          yield replaced(original, at, 0, noise);
        }
        case HUGE_NUMBER ->
            replaced(
                original,
                at,
                1,
                (random.nextBoolean() ? "9999999999999999999999" : "-1e99")
                    .getBytes(StandardCharsets.UTF_8));
        case DEEP_NESTING ->
            replaced(
                original,
                at,
                0,
                (random.nextBoolean() ? "[" : "{\"a\":")
                    .repeat(5000)
                    .getBytes(StandardCharsets.UTF_8));
        case NOT_UTF8 ->
            replaced(original, at, 1, new byte[] {(byte) 0xff, (byte) 0xfe, 0, (byte) 0xc3});
      };
    }

    private static byte[] replaced(byte[] original, int at, int length, byte[] by) {
      final byte[] bytes = new byte[original.length - length + by.length];
      System.arraycopy(original, 0, bytes, 0, at);
      System.arraycopy(by, 0, bytes, at, by.length);
      System.arraycopy(original, at + length, bytes, at + by.length, original.length - at - length);
      return bytes;
    }
  }

  @BeforeEach
  void write() {
    tiny = Tiny.in(temporary);
    tiny.write("recipe.yaml", "- prune: {sparsity: 0.5}\n- quantize: {bits: 4, group-size: row}\n");
    tiny.write(
        "merge.yaml",
        "merge_method: dare_linear\nbase_model: tiny-bert\nmodels:\n  - model: other-bert\n"
            + "    parameters: {weight: 0.5, density: 0.5}\nparameters: {normalize: false}\n");
    tiny.write("signs.csv", Tiny.read(tiny.folder().resolve("signs.tsv")).replace('\t', ','));
    tiny.write("csv.yaml", "{train: signs.csv, dev: signs.csv, text: sentence, label: label}\n");
    final StringBuilder words = new StringBuilder("-DOCSTART- O\n\n");
    for (int i = 0; i < 60; i++) {
      words.append("the O\ndog").append(i).append(" B-x\nruns I-x\n\n");
    }
    tiny.write("words.conll", words.toString());
    Folders.copy(tiny.model(), tiny.folder().resolve("other-bert"));
    tiny.write("conll.yaml", "{conll: {train: words.conll, dev: words.conll}}\n");
    Outcome.of(
            "export", tiny.model(), "--format", "onnx", "-o", tiny.folder().resolve("model.onnx"))
        .code(0);
  }

  private Outcome command(Kind kind) {
    final Path output = temporary.resolve("output");
    return switch (kind) {
      case EXPERIMENT -> Outcome.of("run", "--dry-run", tiny.experiment(), "-o", output);
      case RECIPE ->
          Outcome.of(
              "compress",
              tiny.model(),
              "--recipe",
              tiny.folder().resolve(kind.file),
              "--dry-run",
              "-o",
              output);
      case MERGE ->
          Outcome.of("merge", tiny.folder().resolve(kind.file), "--dry-run", "-o", output);
      case TSV ->
          Outcome.of("finetune", tiny.model(), "--task", tiny.task(), "--dry-run", "-o", output);
      case CSV, CONLL ->
          Outcome.of(
              "finetune",
              tiny.model(),
              "--task",
              tiny.folder().resolve(kind == Kind.CSV ? "csv.yaml" : "conll.yaml"),
              "--dry-run",
              "-o",
              output);
      case CONFIG, TOKENIZER, WEIGHTS -> Outcome.of("inspect", tiny.model());
      case ONNX -> Outcome.of("inspect", tiny.folder().resolve(kind.file));
    };
  }

  @ParameterizedTest
  @EnumSource
  void everyMutationEndsWithAParagraph(Kind kind) throws IOException {
    final Path file = tiny.folder().resolve(kind.file);
    final byte[] original = Files.readAllBytes(file);
    command(kind).code(0);
    final SortedMap<String, String> before = Folders.hashes(temporary);
    final SplittableRandom random = new SplittableRandom(kind.ordinal());
    int refused = 0;
    for (Mutation mutation : Mutation.values()) {
      for (int round = 0; round < ROUNDS; round++) {
        final byte[] mutated = mutation.of(original, random);
        Files.write(file, mutated);
        final String what = kind + ", " + mutation + ", round " + round;
        final Outcome outcome =
            assertTimeoutPreemptively(Duration.ofSeconds(60), () -> command(kind), what);
        assertTrue(
            DOCUMENTED.contains(outcome.code()),
            what + ": " + outcome.code() + "\n" + outcome.err());
        if (outcome.code() != 0) {
          refused++;
          final String paragraph = outcome.err().strip();
          assertTrue(paragraph.length() > 20 && paragraph.contains(" "), what + ": " + paragraph);
          assertTrue(
              !paragraph.contains("\tat ") && !paragraph.contains("Exception"),
              what + ": " + paragraph);
        }
      }
    }
    Files.write(file, original);
    assertTrue(refused >= Mutation.values().length * ROUNDS / 4, kind + " was refused " + refused);
    assertEquals(
        List.of(), Folders.differences(before, Folders.hashes(temporary)), "something was written");
  }
}
