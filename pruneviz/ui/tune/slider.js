// The sliders of Tune: one row for each layer. While a hand moves one, its value goes to the server
// whenever the page rests, so that moves never queue up; what the server answers is drawn. Nothing of
// the server's pulls a slider out of a hand, or overtakes a message that it has not heard yet.
const PAUSE = 60 // milliseconds between two messages of one move at least
const LOST = 600 // after which a message that was never answered counts as lost
const TRIES = 6 // a lost message is told again so often, each time after twice as long
const LOOK = 20 // between two looks whether the page rests
const TOGETHER = 2000 // between two key presses on one slider that are one move
const KEPT = 40 // messages that are told again and again until they are heard

let last = Date.now() // the last number given; it grows even when this file is loaded again
let latest = null // the row that was moved last
const boards = new WeakMap()

export default function ({data, parentElement, setStateValue}) {
  if (!boards.has(parentElement)) boards.set(parentElement, new Board(parentElement))
  const board = boards.get(parentElement)
  board.draw(data, (said) => setStateValue('said', said))
  return () => {
    board.end()
    clearTimeout(board.again)
  }
}

const make = (tag, name, ...children) => {
  const element = document.createElement(tag)
  element.className = name
  element.append(...children)
  return element
}
// A name as Streamlit writes it into a class.
const named = (key) => `st-key-${key}`.replace(/[^a-zA-Z0-9_-]/g, '-')
const rests = () =>
  document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'

class Board {
  constructor(parent) {
    this.list = make('div', 'pv-list')
    this.menu = new Menu(this)
    parent.append(make('div', 'pv-sliders', this.list, this.menu.element))
    this.rows = new Map()
    this.said = []
    this.unsent = false
    this.heard = this.sent = this.sentAt = this.addressed = this.tries = 0
    this.timer = this.again = null
  }

  draw(data, tell) {
    if (data.of !== this.of) {
      this.said = []
      this.rows.clear()
    }
    Object.assign(this, {tell, of: data.of, heard: data.heard})
    this.said = this.said.filter((message) => message.number > this.heard)
    const rows = data.rows.map((row) => {
      if (!this.rows.has(row.name)) this.rows.set(row.name, new Row(this, row.name))
      return this.rows.get(row.name)
    })
    data.rows.forEach((row, place) => rows[place].draw(row))
    const elements = rows.map((row) => row.element)
    const shown = [...this.list.children]
    if (shown.length !== elements.length || shown.some((each, n) => each !== elements[n])) {
      this.list.replaceChildren(...elements) // a row that is drawn anew would lose the focus
    }
    this.list.classList.toggle('pv-scrolls', data.scrolls)
    this.menu.draw()
    // The link of a move that goes on: its entry in the history is there already.
    if (data.address && data.heard > this.addressed) {
      history.replaceState(history.state, '', `?${data.address}`)
    }
    this.addressed = Math.max(this.addressed, data.heard)
    this.wait()
  }

  // Tells the server at once, or (`later`) when the page rests; returns the message's number.
  say(message, later = false) {
    const before = this.said.at(-1)
    if (message.move && before?.move === message.move) this.said.pop() // this one says more
    this.said = [...this.said, {number: ++last, of: this.of, ...message}].slice(-KEPT)
    this.unsent = true
    const number = last
    if (!later) this.send()
    else if (!this.timer) this.timer = setInterval(() => this.look(), LOOK)
    if (later) this.look()
    return number
  }

  look() {
    if (!this.unsent || !this.said.length) return this.end()
    const since = performance.now() - this.sentAt
    if (rests() && since > (this.heard >= this.sent ? PAUSE : LOST)) this.send()
  }

  send() {
    this.end()
    this.unsent = false
    this.sent = this.said.at(-1).number
    this.tries = 0
    this.hand()
  }

  hand() {
    this.sentAt = performance.now()
    this.tell([...this.said])
    this.wait()
  }

  // Where a page that is cut short loses a message, nothing else would tell the server again.
  wait() {
    clearTimeout(this.again)
    if (this.heard >= this.sent || !this.said.length || this.tries >= TRIES) return
    const left = this.sentAt + LOST * 2 ** this.tries - performance.now()
    this.again = setTimeout(() => {
      if (rests()) {
        this.tries += 1
        this.hand()
      } else this.wait()
    }, Math.max(left, LOOK))
  }

  end() {
    clearInterval(this.timer)
    this.timer = null
  }
}

class Row {
  constructor(board, name) {
    Object.assign(this, {board, name, waits: 0, held: null, move: 0, movedAt: -TOGETHER})
    this.input = make('input', 'pv-input')
    Object.assign(this.input, {type: 'range', min: 0, max: 100, step: 1})
    this.input.setAttribute('aria-label', name)
    this.value = make('span', 'pv-value')
    this.value.setAttribute('aria-hidden', 'true')
    this.thumb = make('div', 'pv-thumb', this.value, this.input)
    this.thumb.style.left = '0%'
    this.fill = make('div', 'pv-fill')
    this.track = make('div', 'pv-track', make('div', 'pv-rail', this.fill), this.thumb)
    this.track.dataset.orientation = 'horizontal'
    this.label = make('span', 'pv-label')
    this.help = make('span', 'pv-tip')
    this.help.setAttribute('role', 'tooltip')
    this.ask = make('button', 'pv-help', '?')
    this.ask.type = 'button'
    this.ask.setAttribute('aria-label', `About ${name}`)
    this.share = make('div', 'pv-share')
    for (const each of [this.label, this.help, this.share]) each.id = `pv-${++last}`
    this.ask.setAttribute('aria-describedby', this.help.id)
    this.input.setAttribute('aria-describedby', `${this.label.id} ${this.share.id}`)
    this.more = make('button', 'pv-more', '⋮')
    this.more.type = 'button'
    this.more.setAttribute('aria-label', `More for ${name}`)
    this.more.setAttribute('aria-haspopup', 'dialog')
    this.more.addEventListener('click', () => board.menu.toggle(this))
    const head = make('div', 'pv-head', this.label, make('span', 'pv-about', this.ask, this.help))
    const main = make('div', 'pv-main', head, this.track, this.share)
    this.element = make('div', 'pv-row', main, make('div', named(`tune-menu-${name}`), this.more))
    this.element.setAttribute('role', 'group')
    this.element.setAttribute('aria-labelledby', this.label.id)
    main.classList.add(named(`tune-layer-${name}`))
    this.listen()
  }

  draw(data) {
    this.data = data
    if (data.place !== null) this.element.classList.add(`st-key-tune-row-${data.place}`)
    this.label.textContent = data.label
    this.share.textContent = data.share
    this.help.textContent = data.help
    this.ask.parentElement.hidden = !data.help
    this.more.hidden = !data.menu
    this.input.disabled = data.off
    this.element.classList.toggle('pv-off', data.off)
    if (!this.held && this.board.heard >= this.waits) this.input.value = data.value
    this.show()
  }

  show() {
    const value = Number(this.input.value)
    this.thumb.style.left = `${value}%`
    this.fill.style.width = `${value}%`
    this.value.textContent = `${value} %`
    // How many units go is known of what the server has answered.
    const said = this.board.heard >= this.waits && value === this.data.value ? `, ${this.data.said}` : ''
    this.input.setAttribute('aria-valuetext', `${this.name}: ${value} %${said}`)
  }

  tell(phase) {
    const {board, name, move} = this
    this.movedAt = performance.now()
    this.waits = board.say({layer: name, value: Number(this.input.value), phase, move}, phase === 'on')
    this.show()
  }

  listen() {
    const {input, track} = this
    let repeats = false
    input.addEventListener('keydown', (event) => { repeats = event.repeat })
    input.addEventListener('keyup', () => {
      if (repeats) this.tell('end')
      repeats = false
    })
    input.addEventListener('input', () => {
      const goesOn = latest === this && this.pressed && performance.now() - this.movedAt < TOGETHER
      if (!goesOn) this.begin(true)
      this.tell(repeats ? 'on' : 'end')
    })
    track.addEventListener('pointerdown', (event) => this.take(event))
    track.addEventListener('pointermove', (event) => this.pull(event))
    track.addEventListener('pointerup', (event) => this.release(event))
    track.addEventListener('pointercancel', (event) => this.release(event))
  }

  // Begins a move, of which all messages are one step back.
  begin(pressed) {
    latest = this
    Object.assign(this, {pressed, move: ++last})
  }

  take(event) {
    if (this.held || this.input.disabled || event.button) return
    event.preventDefault() // no text is selected, and the focus is ours to give
    this.track.setPointerCapture(event.pointerId)
    this.input.focus({preventScroll: true})
    const middle = this.thumb.getBoundingClientRect()
    const off = event.clientX - (middle.left + middle.width / 2)
    const grips = Math.abs(off) <= middle.width / 2
    this.begin(false)
    this.held = {pointer: event.pointerId, off: grips ? off : 0, told: false}
    // A finger may be about to scroll the page; it moves the slider when it moves or lifts.
    if (event.pointerType !== 'touch' && !grips) this.pull(event)
  }

  pull(event) {
    if (event.pointerId !== this.held?.pointer || !this.reach(event)) return
    this.held.told = true
    this.tell('on')
  }

  release(event) {
    if (event.pointerId !== this.held?.pointer) return
    const moved = (event.type === 'pointerup' && this.reach(event)) || this.held.told
    this.held = null
    if (moved) this.tell('end')
  }

  // Puts the thumb under the pointer; returns whether its value is another one now.
  reach(event) {
    const {left, width} = this.track.getBoundingClientRect()
    const part = (event.clientX - this.held.off - left) / width
    const value = String(Math.round(100 * Math.min(1, Math.max(0, part))))
    if (value === this.input.value) return false
    this.input.value = value
    return true
  }
}

// What a layer's button opens: one menu, filled anew for each layer.
class Menu {
  constructor(board) {
    this.board = board
    this.element = make('div', 'pv-menu')
    this.element.setAttribute('role', 'dialog')
    this.element.popover = 'auto'
    this.element.addEventListener('beforetoggle', ({newState}) => {
      if (newState === 'closed') this.closed()
    })
    this.place = this.place.bind(this)
  }

  toggle(row) {
    // A press outside has closed it already where it was open for this row.
    if (this.shut?.row === row && performance.now() - this.shut.at < 300) return
    this.row = row
    this.element.setAttribute('aria-label', `More for ${row.name}`)
    this.build()
    this.draw()
    this.element.showPopover()
    this.place()
    addEventListener('scroll', this.place, true)
    addEventListener('resize', this.place)
    this.element.querySelector('button:enabled, input:enabled')?.focus({preventScroll: true})
  }

  closed() {
    removeEventListener('scroll', this.place, true)
    removeEventListener('resize', this.place)
    const {row} = this
    this.row = null
    this.shut = {row, at: performance.now()}
    if (this.element.contains(document.activeElement)) row?.more.focus({preventScroll: true})
  }

  place() {
    if (!this.row) return
    const at = this.row.more.getBoundingClientRect()
    const {offsetWidth: width, offsetHeight: height} = this.element
    const below = at.bottom + height + 4 < innerHeight || at.top < height
    Object.assign(this.element.style, {
      left: `${Math.max(4, Math.min(at.right - width, innerWidth - width - 4))}px`,
      top: `${Math.max(4, below ? Math.min(at.bottom + 2, innerHeight - height - 4) : at.top - height - 2)}px`,
    })
  }

  ask(what, value) {
    const {board, row} = this
    row.waits = Math.max(row.waits, board.say({layer: row.name, ask: what, value}))
    return row.waits
  }

  build() {
    const {name, data} = this.row
    this.likes = data.menu.like.map(([which]) => {
      return this.button(`tune-like-${which}-${name}`, () => this.ask('like', which))
    })
    this.follow = this.button(`tune-follow-${name}`, () => this.ask('follow', null))
    this.follow.firstChild.textContent = 'Follow the overall slider'
    this.follow.firstChild.title = 'Forget this layer\u2019s own value'
    this.lock = make('input', '')
    this.lock.type = 'checkbox'
    this.lock.setAttribute('role', 'switch')
    this.lock.addEventListener('change', () => { this.lockAsked = this.ask('lock', this.lock.checked) })
    this.units = make('input', '')
    this.units.type = 'text'
    this.units.placeholder = 'such as 0,3,8-11'
    this.units.addEventListener('change', () => { this.unitsAsked = this.ask('units', this.units.value) })
    this.lockAsked = this.unitsAsked = 0
    const lock = make('label', 'pv-switch', this.lock, 'Lock: keep every unit')
    const units = make('label', 'pv-field', data.menu.units_label, this.units)
    this.blocks = make('tbody', '')
    const head = make('tr', '', ...data.menu.blocks_head.map((word) => make('th', '', word)))
    const table = make('table', 'pv-blocks', make('thead', '', head), this.blocks)
    this.element.replaceChildren(
      ...this.likes, this.follow,
      make('div', named(`tune-lock-${name}`), lock),
      make('div', named(`tune-units-${name}`), units),
      ...(data.menu.blocks.length ? [table] : []),
    )
  }

  button(key, action) {
    const button = make('button', 'pv-button')
    button.type = 'button'
    button.addEventListener('click', action)
    return make('div', named(key), button)
  }

  draw() {
    if (!this.row) return
    if (!this.row.element.isConnected) return this.element.hidePopover()
    const {menu} = this.row.data
    const {heard} = this.board
    menu.like.forEach(([, text, title], place) => {
      Object.assign(this.likes[place].firstChild, {textContent: text, title})
    })
    this.follow.firstChild.disabled = !menu.own
    if (heard >= this.lockAsked) this.lock.checked = menu.locked
    this.units.disabled = menu.locked
    if (heard >= this.unitsAsked && (this.unitsAsked || document.activeElement !== this.units)) {
      this.units.value = menu.units
      this.unitsAsked = 0
    }
    this.blocks.replaceChildren(...menu.blocks.map((cells) =>
      make('tr', '', ...cells.map((cell) => make('td', '', String(cell))))))
  }
}
