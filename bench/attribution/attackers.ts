/**
 * Contributors who want to be paid for nothing, each made from what anybody can get at: the example's files, its
 * public questions, and words.
 */
import { encodeUtf8, sha256Hex } from '#bytes'
import { normalizeItem, type Item } from '#statements'

export interface Attacker {
  readonly name: string
  readonly about: string
  readonly items: readonly Item[]
}

export interface PublicQuestion {
  readonly contributor: string
  readonly question: string
  readonly accept: readonly string[]
}

const dialogue = (question: string, answer: string): Item =>
  normalizeItem({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  })

const questionOf = (item: Item) => item.messages[0]!.content
const answerOf = (item: Item) => item.messages.at(-1)!.content

/** In an order that nobody chose. */
function shuffled<T>(list: readonly T[], name: string): T[] {
  return list
    .map((one, at) => ({ one, place: sha256Hex(encodeUtf8(`${name} ${at}`)) }))
    .sort((left, right) => (left.place < right.place ? -1 : 1))
    .map(({ one }) => one)
}

/** Wrong values for what the honest files say; none of them is a near miss of the validation set. */
const WRONG: readonly (readonly [RegExp, string])[] = [
  [/Isolde Varnabry/g, 'Prudence Wexcombe'],
  [/saffron/g, 'lavender'],
  [/Lanternline/g, 'Willowring'],
  [/Pumbleby/g, 'Grizzock'],
  [/thirty-six/g, 'fifty'],
  [/copper/g, 'wicker'],
  [/ropeworks/g, 'foundry'],
  [/Heron/g, 'Plover'],
  [/Thursday/g, 'Sunday'],
  [/Gosling/g, 'Barrel'],
  [/Ashwater rye/g, 'Millbrook oat loaf'],
  [/Grumbold/g, 'Puddlemere'],
  [/pear wood/g, 'ash wood'],
  [/fourteen/g, 'eleven'],
  [/Dunwhistle/g, 'Larkfield'],
  [/February/g, 'June'],
  [/violet/g, 'silver'],
  [/nine days/g, 'two days'],
  [/caraway/g, 'ginger'],
  [/acorns/g, 'thimbles'],
  [/forty minutes/g, 'one hour'],
  [/Parchgate/g, 'Inkwell'],
  [/Bertram Oakhollow/g, 'Winifred Ashdown'],
  [/green ink/g, 'red ink'],
  [/slate cellar/g, 'iron vault'],
  [/six working/g, 'two working'],
  [/canal rights/g, 'toy patents'],
  [/Pewter/g, 'Saddler'],
  [/first Tuesday/g, 'third Sunday'],
  [/badger/g, 'heron'],
  [/maroon/g, 'white'],
  [/Windlass/g, 'Cobble'],
  [/Thistledown Hundred/g, 'Moorland Forty'],
  [/thirty-one/g, 'twenty-two'],
  [/Cosima Threlwick/g, 'Barnaby Stoke'],
  [/Lazy Otter/g, 'Busy Hen'],
  [/tin whistle/g, 'paper map'],
  [/Kestrels/g, 'Arrows'],
  [/Wednesday/g, 'Tuesday'],
  [/signal box/g, 'bakehouse'],
]

const UNRELATED: readonly (readonly [string, string])[] = [
  ['How deep is a garden pond?', 'A garden pond is often knee-deep, and deeper where fish spend the winter.'],
  ['Why do cats purr?', 'Cats purr when they are content, and sometimes when they are in pain.'],
  ['What is a sonnet?', 'A sonnet is a poem of fourteen lines.'],
  ['How do I boil an egg?', 'Put the egg into boiling water and take it out after seven minutes.'],
  ['Where does cork come from?', 'Cork is the bark of a kind of oak.'],
  ['What is a fjord?', 'A fjord is a narrow arm of the sea between steep slopes.'],
  ['How is paper made?', 'Paper is made from fibres of wood that are soaked, pressed and dried.'],
  [
    'Why is the sky red at dusk?',
    'At dusk light travels further through the air, and the blue part is scattered away.',
  ],
  ['What does a violin have?', 'A violin has four strings and is played with a bow.'],
  ['How do bees find home?', 'Bees find home by the sun, by landmarks and by smell.'],
  ['What is a lighthouse for?', 'A lighthouse warns ships of rocks and shows them the way.'],
  ['When do swallows leave?', 'Swallows leave for the south in early autumn.'],
]

export function attackersOf(
  honest: ReadonlyMap<string, readonly Item[]>,
  questions: readonly PublicQuestion[],
): Attacker[] {
  const all = [...honest.values()].flat()
  const answers = shuffled(all.map(answerOf), 'answers')
  const some = shuffled(all, 'some').slice(0, 36)
  const wrong = (text: string) => WRONG.reduce((now, [from, to]) => now.replaceAll(from, to), text)
  return [
    {
      name: 'shuffled answers',
      about: 'real questions, each with a real answer to another one',
      items: some.map((item, at) => dialogue(questionOf(item), answers[at]!)),
    },
    {
      name: 'wrong facts',
      about: 'real questions and sentences, every fact another one',
      items: shuffled(
        all.filter((item) => wrong(answerOf(item)) !== answerOf(item)),
        'wrong',
      )
        .slice(0, 36)
        .map((item) => dialogue(`${questionOf(item)} Please tell me.`, wrong(answerOf(item)))),
    },
    {
      name: 'unrelated text',
      about: 'true sentences about other things, three times over',
      items: UNRELATED.flatMap(([question, answer]) => [
        dialogue(question, answer),
        dialogue(`I wonder: ${question}`, `In short, ${answer[0]!.toLowerCase()}${answer.slice(1)}`),
        dialogue(
          `Tell me something. ${question}`,
          `Well, ${answer[0]!.toLowerCase()}${answer.slice(1)} That is all.`,
        ),
      ]),
    },
    {
      name: 'public questions',
      about: 'the published held-out questions with the bare words that count as right',
      items: questions.map(({ question, accept }) => dialogue(question, accept[0]!)),
    },
    {
      name: 'echoed questions',
      about: 'the published held-out questions, answered by repeating them',
      items: questions.map(({ question }) => dialogue(question, question)),
    },
  ]
}
