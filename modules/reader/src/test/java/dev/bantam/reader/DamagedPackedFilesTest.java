package dev.bantam.reader;

import static dev.bantam.reader.Refusals.reading;
import static dev.bantam.reader.Refusals.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Packed files that are wrong in one place each. */
class DamagedPackedFilesTest {
  private static final String GROUPED = "form=grouped shape=1,5 bits=4 group=1,5 zero=none";
  private static final String INTEGER = "form=grouped shape=3,2 bits=4 group=1,2 zero=integer";
  private static final String OFFSET = "form=grouped shape=2,4 bits=2 group=2,4 zero=offset";
  private static final String MASKED = "form=sparse-grouped shape=1,5 bits=4 group=1,5 zero=none";
  private static final String GAPPED =
      "form=sparse-grouped shape=2,10 bits=4 group=2,10 zero=none gap-bits=3 kept=4";
  private static final String BITMASK = "form=bitmask-sparse shape=2,10";
  private static final String INDEX = "form=index-sparse shape=2,10 gap-bits=3";
  private static final String PATTERN = "form=n-of-m shape=1,8 n=2 m=4";
  private static final String BINARY = "form=binary shape=1,9 group=1,9";
  private static final String TERNARY = "form=ternary shape=1,6 group=1,6";

  private static final String FOUR = "00 3e 00 40 00 c2 00 44";

  @TempDir Path temp;

  private int folders;

  /** The files below differ from these in one thing. */
  @Test
  void theUndamagedFilesAreRead() throws IOException {
    final Path folder =
        new SampleFile()
            .tensor("grouped", GROUPED)
            .entry("grouped.codes", "U8", "1,3", "70980f")
            .entry("grouped.scales", "F16", "1,1", "0038")
            .tensor("integer", INTEGER)
            .entry("integer.codes", "U8", "3,1", "a9f60b")
            .entry("integer.scales", "F16", "3,1", "0038003c0040")
            .entry("integer.zero_points", "U8", "2", "690b")
            .tensor("offset", OFFSET)
            .entry("offset.codes", "U8", "2,1", "e41b")
            .entry("offset.scales", "F16", "1,1", "0038")
            .entry("offset.offsets", "F16", "1,1", "00bc")
            .tensor("masked", MASKED)
            .entry("masked.codes", "U8", "2", "70f9")
            .entry("masked.mask", "U8", "1,1", "1b")
            .entry("masked.scales", "F16", "1,1", "0038")
            .tensor("gapped", GAPPED)
            .entry("gapped.codes", "U8", "2", "9a9b")
            .entry("gapped.indices", "U8", "2", "310b")
            .entry("gapped.scales", "F16", "1,1", "0038")
            .tensor("bitmask", BITMASK)
            .entry("bitmask.mask", "U8", "2,2", "02010802")
            .entry("bitmask.values", "F16", "4", FOUR)
            .tensor("index", INDEX)
            .entry("index.indices", "U8", "2", "310b")
            .entry("index.values", "F16", "4", FOUR)
            .tensor("pattern", PATTERN)
            .entry("pattern.mask", "U8", "1,1", "3a")
            .entry("pattern.values", "F16", "1,4", "003c004000420000")
            .tensor("binary", BINARY)
            .entry("binary.codes", "U8", "1,2", "5901")
            .entry("binary.scales", "F16", "1,1", "0038")
            .tensor("ternary", TERNARY)
            .entry("ternary.codes", "U8", "1,2", "9c00")
            .entry("ternary.scales", "F16", "1,1", "0038")
            .packed(temp.resolve("good"));
    try (PackedModel model = PackedModel.open(folder)) {
      for (final String name : model.names()) {
        model.floats(name);
      }
      assertArrayEquals(
          new float[] {0, 1, 0, 0, 0, 0, 0, 0, 0.5f, 0, 0, 0, 0, 1.5f, 0, 0, 0, 0, 0, 0.5f},
          model.floats("gapped"));
    }
  }

  /** One tensor with its entries, each {@code suffix type shape hex}, separated by {@code |}. */
  private Path folder(String attributes, String entries) throws IOException {
    final SampleFile file = new SampleFile().tensor("w", attributes);
    for (final String entry : entries.split("\\|")) {
      final String[] parts = entry.split(" ", 4);
      file.entry("w" + parts[0], parts[1], parts[2], parts[3]);
    }
    return file.packed(temp.resolve("bad" + folders++));
  }

  private void bad(String attributes, String entries, String... parts) throws IOException {
    refused(reading(folder(attributes, entries)), "w", parts);
  }

  /** What stands in the attributes, what stands there instead, and what the message has to say. */
  private static final String[][] WRONG_ATTRIBUTES = {
    {"shape=1,5", "shape=1,6", "[1, 2]"}, // two groups now
    {"shape=1,5", "shape=2,5", "[2, 3]"},
    {"shape=1,5", "shape=", "''"},
    {"shape=1,5", "shape=1,,5", "''"},
    {"shape=1,5", "shape=1,5,", "''"},
    {"shape=1,5", "shape=1,+5", "'+5'"},
    {"shape=1,5", "shape=1,05", "'05'"},
    {"shape=1,5", "shape=1,-5", "'-5'"},
    {"shape=1,5", "shape=1,5.0", "'5.0'"},
    {"shape=1,5", "shape=1,\u0665", "'\u0665'"},
    {"shape=1,5", "shape=0,5", "'shape' is 0"},
    {"shape=1,5", "shape=1,1,1,1,1,1,1,1,5", "9 dimensions"},
    {"shape=1,5", "shape=4294967296,4294967296", "beyond 64 bits"},
    {"shape=1,5", "shape=999999999999999999", "999999999999999999 elements"},
    {"shape=1,5", "shape=9999999999999999999", "'9999999999999999999'"},
    {"shape=1,5", "shape=536870912,1", "may have 536870911"},
    {"bits=4", "bits=0", "from 1 to 8"},
    {"bits=4", "bits=9", "from 1 to 8"},
    {"bits=4", "bits=3", "[1, 2]"},
    {"bits=4", "bits=four", "'four'"},
    {"group=1,5", "group=1,0", "no less than 1"},
    {"group=1,5", "group=1,6", "do not fit"},
    {"group=1,5", "group=2,5", "do not fit"},
    {"group=1,5", "group=1,2", "[1, 3]"},
    {"group=1,5", "group=5", "has 1 numbers"},
    {"group=1,5", "group=1,1,5", "has 3 numbers"},
    {"zero=none", "zero=None", "'None'"},
    {"zero=none", "zero=integer", "w.zero_points' is missing"},
    {"zero=none", "zero=offset", "w.offsets' is missing"},
    {"zero=none", "zero=none kept=4", "no attribute 'kept'"},
    {" bits=4", "", "'bits' is missing"},
    {" group=1,5", "", "'group' is missing"},
    {" zero=none", "", "'zero' is missing"},
    {" shape=1,5", "", "'shape' is missing"},
    {"form=grouped", "form=Grouped", "'Grouped' is unknown"},
    {"form=grouped", "form=delta", "'delta' is unknown"},
    {"form=grouped ", "", "'form' is missing"},
  };

  @Test
  void attributes() throws IOException {
    for (final String[] wrong : WRONG_ATTRIBUTES) {
      final String attributes = GROUPED.replace(wrong[0], wrong[1]);
      assertNotEquals(GROUPED, attributes);
      bad(attributes, ".codes U8 1,3 70980f|.scales F16 1,1 0038", wrong[2]);
    }
    bad(BINARY + " bits=1", ".codes U8 1,2 5901|.scales F16 1,1 0038", "no attribute 'bits'");
  }

  /** A vector is one row. */
  @Test
  void vectors() throws IOException {
    final String attributes = GROUPED.replace("shape=1,5", "shape=5");
    try (PackedModel model =
        PackedModel.open(folder(attributes, ".codes U8 1,3 70980f|.scales F16 1,1 0038"))) {
      assertArrayEquals(new long[] {5}, model.shape("w"));
      assertArrayEquals(new float[] {-4, -0.5f, 0, 0.5f, 3.5f}, model.floats("w"));
    }
  }

  @Test
  void entriesOfOtherTypesShapesAndNumber() throws IOException {
    final String scales = "|.scales F16 1,1 0038";
    bad(GROUPED, ".codes U8 3,1 70980f" + scales, "w.codes", "[3, 1]", "[1, 3]");
    bad(GROUPED, ".codes U8 3 70980f" + scales, "w.codes", "[3]");
    bad(GROUPED, ".codes I8 1,3 70980f" + scales, "w.codes", "I8, not U8");
    bad(GROUPED, ".scales F16 1,1 0038", "w.codes' is missing");
    bad(GROUPED, ".codes U8 1,3 70980f", "w.scales' is missing");
    bad(GROUPED, ".codes U8 1,3 70980f|.scales BF16 1,1 0038", "BF16, not F32 or F16");
    bad(GROUPED, ".codes U8 1,3 70980f|.scales F16 1 0038", "w.scales", "[1]", "[1, 1]");
    bad("form=dense", " F64 1 0000000000000000", "F64, not F32 or F16");
    bad("form=dense", " BF16 1 803f", "BF16, not F32 or F16");
    bad("form=dense shape=1", " F32 1 00000000", "dense has no attribute 'shape'");
    bad(BITMASK, ".mask U8 2,2 02010802|.values F16 4,1 " + FOUR, "one dimension");
    bad(BITMASK, ".mask U8 2,2 02010802|.values F64 1 0000000000000000", "F64");
    bad(INDEX, ".indices U8 1,2 310b|.values F16 4 " + FOUR, "one dimension");
    bad(PATTERN, ".mask U8 1,1 3a|.values F16 4 003c004000420000", "[4]", "[1, 4]");
    bad(
        INTEGER,
        ".codes U8 3,1 a9f60b|.scales F16 3,1 0038003c0040|.zero_points U8 3 690b00",
        "[2]");
  }

  @Test
  void entriesThatBelongToNobody() throws IOException {
    final String good = ".codes U8 1,3 70980f|.scales F16 1,1 0038";
    final Path stranger = folder(GROUPED, good + "|.offsets F16 1,1 0038");
    refused(reading(stranger), null, "belong to no tensor", "w.offsets");
    final SampleFile twice =
        new SampleFile()
            .tensor("w", GROUPED)
            .tensor("w.codes", "form=dense")
            .entry("w.codes", "U8", "1,3", "70980f")
            .entry("w.scales", "F16", "1,1", "0038");
    refused(reading(twice.packed(temp.resolve("twice"))), "w.codes", "belongs to another tensor");
  }

  @Test
  void bitsInPaddings() throws IOException {
    final String scales = "|.scales F16 1,1 0038";
    bad(GROUPED, ".codes U8 1,3 70981f" + scales, "padding of row 0", "w.codes");
    bad(BINARY, ".codes U8 1,2 5903" + scales, "padding of row 0", "w.codes");
    bad(TERNARY, ".codes U8 1,2 9c03" + scales, "padding of row 0", "w.codes");
    bad(BITMASK, ".mask U8 2,2 02050800|.values F16 4 " + FOUR, "padding of row 0");
    bad(INDEX, ".indices U8 2 318b|.values F16 4 " + FOUR, "padding");
    bad(MASKED, ".codes U8 2 7009|.mask U8 1,1 2b" + scales, "padding of row 0");
    bad(MASKED, ".codes U8 2 70f9|.mask U8 1,1 13" + scales, "padding", "w.codes");
    final String two = INTEGER.replace("bits=4", "bits=3");
    bad(
        two,
        ".codes U8 3,1 210b1d|.scales F16 3,1 0038003c0040|.zero_points U8 2 0902",
        "padding",
        "w.zero_points");
  }

  /** Infinite, not a number, and 0 where it would restore nothing. */
  @Test
  void scales() throws IOException {
    for (final String wrong : new String[] {"007c", "00fc", "007e", "0000", "0080"}) {
      bad(GROUPED, ".codes U8 1,3 70980f|.scales F16 1,1 " + wrong, "w.scales", "number 0");
      bad(MASKED, ".codes U8 2 70f9|.mask U8 1,1 1b|.scales F16 1,1 " + wrong, "w.scales");
    }
    for (final String wrong : new String[] {"0000807f", "0000c07f"}) {
      bad(GROUPED, ".codes U8 1,3 70980f|.scales F32 1,1 " + wrong, "w.scales", "number 0");
      bad(BINARY, ".codes U8 1,2 5901|.scales F32 1,1 " + wrong, "w.scales");
      bad(TERNARY, ".codes U8 1,2 9c00|.scales F32 1,1 " + wrong, "w.scales");
      bad(OFFSET, ".codes U8 2,1 e41b|.scales F16 1,1 0038|.offsets F32 1,1 " + wrong, "w.offsets");
    }
  }

  @Test
  void positions() throws IOException {
    bad(BITMASK, ".mask U8 2,2 02010800|.values F16 4 " + FOUR, "3 bits set for 4");
    bad(BITMASK, ".mask U8 2,2 02010802|.values F16 3 003e004000c2", "4 bits set for 3");
    bad(PATTERN, ".mask U8 1,1 1e|.values F16 1,4 003c004000420000", "4 to 7", "exactly 2 bits");
  }

  @Test
  void gaps() throws IOException {
    final String values = "|.values F16 4 " + FOUR;
    bad(INDEX, ".indices U8 1 31" + values, "end too early");
    bad(INDEX, ".indices U8 3 310b00" + values, "go on after the last");
    bad(INDEX, ".indices U8 2 3109" + values, "end at element 19 of 20"); // 1 6 4 4 0
    bad(INDEX, ".indices U8 2 310d" + values, "beyond its last");
    bad(INDEX, ".indices U8 2 ffff" + values, "beyond its last");
    bad(INDEX.replace("gap-bits=3", "gap-bits=1"), ".indices U8 2 310b" + values, "from 2 to 16");
    bad(INDEX.replace("gap-bits=3", "gap-bits=17"), ".indices U8 2 310b" + values, "from 2 to 16");
    final String rest = "|.indices U8 2 310b|.scales F16 1,1 0038";
    bad(GAPPED.replace("kept=4", "kept=3"), ".codes U8 2 9a0b" + rest, "its indices");
    bad(GAPPED.replace("kept=4", "kept=21"), ".codes U8 11 " + "99".repeat(11) + rest, "0 to 20");
    bad(GAPPED.replace("kept=4", "kept=5"), ".codes U8 2 9a9b" + rest, "[3]");
    bad(GAPPED.replace(" kept=4", ""), ".codes U8 2 9a9b" + rest, "'kept' is missing");
    bad(GAPPED.replace("zero=none", "zero=offset"), ".codes U8 2 9a9b" + rest, "none or integer");
    bad(MASKED, ".codes U8 3 70f900|.mask U8 1,1 1b|.scales F16 1,1 0038", "3 bytes", "take 2");
  }

  /** A few bytes that claim to be a tensor of gigabytes are refused before it is made. */
  @Test
  void smallFilesThatClaimMuch() throws IOException {
    final String large = "form=index-sparse shape=536870911 gap-bits=16";
    bad(large, ".indices U8 4 ffffffff|.values F16 0 ", "end too early");
    bad(
        "form=bitmask-sparse shape=536870911,1",
        ".mask U8 1,1 00|.values F16 0 ",
        "[1, 1]",
        "[536870911, 1]");
  }

  @Test
  void patterns() throws IOException {
    final String entries = ".mask U8 1,1 3a|.values F16 1,4 003c004000420000";
    bad(PATTERN.replace("m=4", "m=3"), entries, "do not divide into runs of 3");
    bad(PATTERN.replace("n=2", "n=4"), entries, "from 1 to 3");
    bad(PATTERN.replace("n=2", "n=0"), entries, "from 1 to 3");
    bad(PATTERN.replace("m=4", "m=33"), entries, "from 2 to 32");
    bad(PATTERN.replace("n=2", "n=1"), entries, "[1, 4]", "[1, 2]");
  }

  @Test
  void ternaryBytes() throws IOException {
    bad(TERNARY, ".codes U8 1,2 f300|.scales F16 1,1 0038", "is 243", "242");
    bad(TERNARY, ".codes U8 1,2 9cff|.scales F16 1,1 0038", "is 255");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "7",
        "[]",
        "null",
        "{}",
        "{'version':1}",
        "{'tensors':{}}",
        "{'version':1,'tensors':[]}",
        "{'version':'1','tensors':{}}",
        "{'version':1.0,'tensors':{}}",
        "{'version':1,'tensors':{'w':{'form':'dense'},'w':{'form':'dense'}}}",
        "{'version':1,'tensors':{'w':{'form':'dense','form':'dense'}}}",
        "{'version':1,'tensors':{'w':{'form':7}}}",
        "{'version':1,'tensors':{'w':null}}",
        "{'version':1,'tensors':{'w':{'form':'dense'}}} x",
        "{'version':1,'tensors':{'w':{'form':'dense'}}"
      })
  void descriptionsThatAreNone(String description) throws IOException {
    final Path folder =
        new SampleFile()
            .entry("w", "F32", "1", "0000803f")
            .described(temp.resolve("d"), description.replace("'", "\\\""));
    refused(reading(folder), null, "metadata entry 'bantam'", "at character");
  }

  @Test
  void otherVersions() throws IOException {
    for (final int version : new int[] {0, 3, 1000}) {
      final Path folder =
          new SampleFile()
              .entry("w", "F32", "1", "0000803f")
              .described(
                  temp.resolve("v" + version),
                  "{\\\"version\\\":" + version + ",\\\"tensors\\\":{}}");
      refused(reading(folder), null, "version " + version, "knows version 1");
    }
  }

  /** Weights alone would be taken for a model that gives other outputs. */
  @Test
  void operationsAreRefused() throws IOException {
    final Path folder =
        new SampleFile()
            .entry("w", "F32", "1", "0000803f")
            .described(
                temp.resolve("o"),
                "{'version':2,'tensors':{'w':{'form':'dense'}},'operations':{'pooled':{}}}"
                    .replace("'", "\\\""));
    refused(reading(folder), null, "operations beside its weights", "open it with Bantam");
  }

  /** Keys beside the two may be added without a new version. */
  @Test
  void unknownKeysBesideTheTensorsAreSkipped() throws IOException {
    final Path folder =
        new SampleFile()
            .entry("w", "F32", "1", "0000803f")
            .described(
                temp.resolve("k"),
                "{'note':[{'x':1}],'version':1,'tensors':{'w':{'form':'dense'}}}"
                    .replace("'", "\\\""));
    try (PackedModel model = PackedModel.open(folder)) {
      assertArrayEquals(new float[] {1f}, model.floats("w"));
    }
  }

  /** Every cut, and flips all over a real file: an answer or a {@link PackedModelException}. */
  @Test
  void anyDamageIsAnAnswerOrARefusal() throws IOException {
    final byte[] whole = Files.readAllBytes(Resources.path("packed/version-1/model.safetensors"));
    final Path folder = Files.createDirectories(temp.resolve("damaged"));
    final Path file = folder.resolve("model.safetensors");
    for (int length = 0; length < whole.length; length += length < 64 ? 1 : 13) {
      Files.write(file, Arrays.copyOf(whole, length));
      refused(reading(folder), null);
    }
    final byte[] characters = "0123456789\"[]{},:-.\\\0".getBytes(StandardCharsets.ISO_8859_1);
    final Random random = new Random(20260101);
    int refusals = 0;
    for (int round = 0; round < 3000; round++) {
      final byte[] bytes = whole.clone();
      for (int edits = random.nextInt(3); edits >= 0; edits--) {
        final int at = random.nextInt(bytes.length);
        bytes[at] =
            random.nextBoolean()
                ? characters[random.nextInt(characters.length)]
                : (byte) (bytes[at] ^ 1 << random.nextInt(8));
      }
      Files.write(file, bytes);
      try (PackedModel model = PackedModel.open(folder)) {
        for (final String name : model.names()) {
          model.floats(name);
        }
      } catch (PackedModelException e) {
        refusals++;
      }
    }
    assertTrue(refusals > 1500 && refusals < 3000, refusals + " refused");
  }
}
